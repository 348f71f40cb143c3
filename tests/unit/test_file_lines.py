"""Look-up files as lines: for people, and as JSON."""

import json
import time
from pathlib import Path

from engine.file_lines import as_json, as_text, line
from engine.ports import FileState

DAY = 86_400
WHOLE = FileState(
    Path("geo/x.mmdb"), "DBIP-City-Lite", time.time() - DAY - 60, 1234, 5_600_000, "By DB-IP", has_previous=True
)
BROKEN = FileState(Path("geo/y.tsv"), problem="not a usable TSV file: line 1: \x1b[31m")


def test_a_line_a_file() -> None:
    """What it is, how large and how old; a file that cannot be used, and what strangers wrote, harmlessly."""
    assert line(WHOLE).startswith("geo/x.mmdb  DBIP-City-Lite, 5.6 MB, 1,234 entries, built ")
    assert line(WHOLE).endswith(", 1 day old, previous kept")
    assert line(BROKEN) == r"geo/y.tsv  NOT USABLE: not a usable TSV file: line 1: \x1b[31m"
    assert "\x1b" not in line(WHOLE._replace(kind="\x1b[2J"))


def test_old_ones_are_called_so() -> None:
    """From the next second on, and never with 0 days."""
    assert "OLD, more than 1 (" in line(WHOLE, 1)
    assert "OLD" not in line(WHOLE, 2) + line(WHOLE, 0)


def test_a_date_that_no_calendar_has() -> None:
    """A damaged file may say it was built at any time."""
    assert "built never, 0 days old" in line(WHOLE._replace(built_at=1e18))


def test_as_text() -> None:
    """The files, the built-in table where it is used, and each attribution once; without files, how to get some."""
    text = as_text([WHOLE, WHOLE, BROKEN], 45, builtin=True).splitlines()
    assert text[3:] == ["where no file knows the country, the built-in table does", "By DB-IP"]
    assert as_text([], 45, builtin=False) == "no look-up files: python -m engine geo update brings some"


def test_as_json() -> None:
    """The same for programs; the oldest file counts."""
    answer = json.loads(
        as_json([WHOLE, WHOLE._replace(built_at=time.time() - 50 * DAY - 60), BROKEN], 45, builtin=True)
    )
    assert (answer["oldest_age_days"], answer["is_old"], answer["max_age_days"], answer["builtin"]) == (
        50,
        True,
        45,
        True,
    )
    assert [each["age_days"] for each in answer["files"]] == [1, 50, None]
    assert [each["built_at"] is None for each in answer["files"]] == [False, False, True]
    assert answer["files"][2]["problem"].startswith("not a usable TSV file")
    nothing = json.loads(as_json([], 45, builtin=False))
    assert (nothing["files"], nothing["oldest_age_days"], nothing["is_old"]) == ([], None, False)
