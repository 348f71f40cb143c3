"""`--since`, as people write times."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.moments import moment_of

NOW = datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("24h", "2026-11-22 10:00:00"),
        ("7d", "2026-11-16 10:00:00"),
        ("90m", "2026-11-23 08:30:00"),
        ("30s", "2026-11-23 09:59:30"),
        ("2w", "2026-11-09 10:00:00"),
        ("0h", "2026-11-23 10:00:00"),
        ("2026-11-20", "2026-11-20 00:00:00"),
        ("2026-11-20T08:00:00", "2026-11-20 08:00:00"),
        ("2026-11-20 08:00:00.9", "2026-11-20 08:00:00"),
        ("2026-11-20T08:00:00+08:00", "2026-11-20 00:00:00"),
        ("0001-01-01", "1970-01-01 00:00:00"),
        ("999999h", "1970-01-01 00:00:00"),
    ],
)
def test_a_time(text: str, moment: str) -> None:
    """So long ago, or a moment of UTC; never before 1970."""
    assert moment_of(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "1.5h", "yesterday", "2026-13-01", "999999999w", "٣h", "1h\n"])
def test_no_time(text: str) -> None:
    """Everything else is named, with what is allowed."""
    with pytest.raises(ValueError, match="allowed: a time ago such as 24h"):
        moment_of(text, NOW)


@given(st.text(max_size=12))
def test_nothing_else_comes_out(text: str) -> None:
    """Whatever is typed: a moment in the form of `seen_at`, or a ValueError."""
    try:
        moment = moment_of(text, NOW)
    except ValueError:
        return
    assert datetime.fromisoformat(moment).isoformat(" ") == moment
