"""Everything that talks to the world: one folder a port, one file a technology."""
