"""Sources: places that hand out sightings."""
