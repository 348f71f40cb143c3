"""The age of look-up data, and its replacement while the engine works: both are said, neither stops anything."""

import time

import structlog
import trio

from engine.errors import ConfigError
from engine.ports import Lookup

LOOK_SECONDS = 5.0
DAY_SECONDS = 86_400


async def keep_fresh(lookup: Lookup, max_age_days: int, *, wait_seconds: float = LOOK_SECONDS) -> None:
    """Take new data into use as it comes, and warn once of data older than `max_age_days` (0: never). Never ends."""
    log = structlog.get_logger()
    warned_of: float | None = None
    while True:
        built_at = lookup.built_at
        if built_at != warned_of and is_old(built_at, max_age_days, time.time()):
            warned_of = built_at
            log.warning("look-up data is old, python -m engine geo update brings newer", age_days=age_days(built_at))
        await trio.sleep(wait_seconds)
        try:
            if await lookup.reload():
                log.info("look-up data replaced", age_days=age_days(lookup.built_at))
        except ConfigError as error:
            log.warning("new look-up data cannot be used, what is in use stays", reason=str(error))


def is_old(built_at: float | None, max_age_days: int, now: float) -> bool:
    """Whether data of that moment is older than allowed; with 0 days, and without a date, it never is."""
    return built_at is not None and max_age_days > 0 and now - built_at > max_age_days * DAY_SECONDS


def age_days(built_at: float | None) -> int | None:
    """Its age now in whole days; None without a date."""
    return None if built_at is None else max(0, int((time.time() - built_at) // DAY_SECONDS))
