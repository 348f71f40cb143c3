"""Lookups: places that know facts about addresses."""
