"""Moments as people write them: `--since`, a time ago or a moment of UTC; and as others read them. Pure."""

import re
from datetime import UTC, datetime, timedelta

_AGO = re.compile(r"([0-9]{1,9})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


def moment_of(text: str, now: datetime) -> str:
    """`24h` before `now`, or the moment itself, in the form of `seen_at`. Raises ValueError.

    A moment without a zone is UTC, a date alone is its midnight; nothing is before 1970.
    """
    ago = _AGO.fullmatch(text)
    try:
        if ago is not None:
            moment = now - timedelta(seconds=int(ago[1]) * _SECONDS[ago[2]])
        else:
            moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return text_of(max(moment.astimezone(UTC), _FIRST))
    except (ValueError, OverflowError):
        allowed = "a time ago such as 24h, 7d or 90m, or a moment of UTC such as 2026-11-23T10:00:00"
        raise ValueError(f"{text!r} is no time; allowed: {allowed}") from None


def text_of(moment: datetime) -> str:
    """A moment of UTC in the form of `seen_at`."""
    return moment.isoformat(" ")[:19]


def iso(moment: str) -> str:
    """A moment in the form of `seen_at` as ISO 8601 with its zone."""
    return f"{moment[:10]}T{moment[11:19]}Z"
