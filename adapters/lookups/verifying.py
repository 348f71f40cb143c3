"""Whether a look-up file may take the place of the one in use. Reads both, changes nothing."""

import time
from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import Final

from adapters.lookups.files import NOTHING, LookupFile, UnusableFileError
from engine.errors import RejectedError

WELL_KNOWN: Final = ("8.8.8.8", "1.1.1.1")
SAMPLES: Final = 4_096
DAY_SECONDS: Final = 86_400
SHRINKING_LIMIT: Final = 2
"""A file with less than the half of what the one in use holds is taken for a part of one."""


def check_damage(new: LookupFile) -> None:
    """Read records from everywhere in the file. Raises RejectedError where one is damaged, or the date is."""
    if new.about.built_at > time.time() + DAY_SECONDS:
        raise RejectedError("says that it is from the future")
    try:
        for number in range(SAMPLES):
            new.check(str(IPv4Address(number * 2**32 // SAMPLES + 8)))
    except UnusableFileError as error:
        raise RejectedError(str(error)) from None


def check_content(new: LookupFile, promises: str | None) -> None:
    """Look up addresses that everybody knows; `promises` is the fact that is expected. Raises RejectedError."""
    for ip in WELL_KNOWN:
        facts = new.check(ip)
        if facts == NOTHING or (promises is not None and getattr(facts, promises) is None):
            what = "nothing" if promises is None else f"no {promises}"
            raise RejectedError(f"knows {what} of {ip}; is it the right file? --force takes it all the same")


def check_progress(new: LookupFile, present: LookupFile) -> None:
    """Compare with the file in use. Raises RejectedError where the new one is older, or much smaller."""
    if new.about.built_at < present.about.built_at:
        both = f"built {day_of(new.about.built_at)}, the one in use {day_of(present.about.built_at)}"
        raise RejectedError(f"older than the one in use ({both}); --force takes it all the same")
    if new.about.entries * SHRINKING_LIMIT < present.about.entries:
        both = f"{new.about.entries} entries, the one in use {present.about.entries}"
        raise RejectedError(f"much smaller than the one in use ({both}); --force takes it all the same")


def day_of(built_at: float) -> str:
    """The day of a moment that is not in the future."""
    return datetime.fromtimestamp(built_at, UTC).date().isoformat()
