"""The machine: fetchers, workers and the nurseries that own them. Knows no driver and no vendor."""
