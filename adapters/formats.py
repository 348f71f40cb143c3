"""Formats of what engines leave behind: queue and database carry a number, and none is read that is not known. Pure.

A newer engine reads what an older one left, and raises the number; what has none is in format 1. An older engine
refuses what a newer one made, instead of guessing at it.
"""

from engine.errors import ConfigError


def is_newer(where: str, found: int, read: int) -> str:
    """What to say of a store in a format that this engine does not read; empty where it does."""
    if found <= read:
        return ""
    return (
        f"{where} is in format {found}, made by a newer engine; this one reads formats up to {read}: "
        "upgrade this engine, or name another one here"
    )


def check_format(where: str, found: int, read: int) -> None:
    """Raise ConfigError, naming both formats and what to do, where this engine does not read the one found."""
    if said := is_newer(where, found, read):
        raise ConfigError(said)
