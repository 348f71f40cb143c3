"""Sinks: where sightings end."""
