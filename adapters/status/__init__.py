"""Shows a running engine: the status page, its JSON and events, probes and metrics."""
