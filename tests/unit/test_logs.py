"""Log lines: where they go, how they look, and what they never show."""

import io
import json
import logging
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError
from engine.logs import EVENT_LIMIT, FIELD_LIMIT, Cleaner, close_logs, configure_logs
from engine.settings import LogSettings

NO_FILE = LogSettings(file="")
JSON = LogSettings(file="", format="json")
CANARY = "c4nary-K3y"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.fixture(autouse=True)
def _tidy() -> Iterator[None]:
    """Leave neither handlers, levels nor structlog's configuration behind."""
    level = logging.getLogger().level
    yield
    close_logs()
    logging.getLogger().setLevel(level)
    structlog.reset_defaults()


def test_readable_lines() -> None:
    """Outside a terminal a line is readable text without colour: time, level, event, fields."""
    stream = io.StringIO()
    configure_logs(NO_FILE, stream=stream)
    structlog.get_logger().info("batch written", worker=2, botnet_type="ramnit", seconds=0.25)
    line = stream.getvalue()
    assert re.match(
        r"20\d\d-\d\d-\d\dT[\d:.]+Z \[info +\] batch written +worker=2 botnet_type=ramnit seconds=0.25\n\Z", line
    )


@pytest.mark.parametrize(("format_", "in_colour"), [("auto", True), ("console", False), ("json", False)])
def test_colour_is_for_terminals(format_: str, in_colour: bool) -> None:  # noqa: FBT001
    """Only `auto` colours, and only a terminal."""
    stream = Terminal()
    configure_logs(LogSettings(file="", format=format_), stream=stream)
    structlog.get_logger().warning("hello")
    assert ("\x1b[" in stream.getvalue()) is in_colour


def test_json_lines() -> None:
    """In JSON every line is one object with the types kept."""
    stream = io.StringIO()
    configure_logs(JSON, stream=stream)
    structlog.get_logger().info("written", rows=7, ratio=0.5, ok=True, source=None, path=Path("x"), town="广州")
    record = json.loads(stream.getvalue())
    assert record.pop("timestamp").endswith("Z")
    assert record == {
        "event": "written", "level": "info", "rows": 7, "ratio": 0.5, "ok": True, "source": None,
        "path": repr(Path("x")), "town": "广州",
    }  # fmt: skip


def test_the_level_holds_for_everyone() -> None:
    """What is below the level is not logged, be it ours or a library's; HTTP libraries speak from WARNING on."""
    stream = io.StringIO()
    configure_logs(evolve(JSON, level="debug"), stream=stream)
    logging.getLogger("httpx").info("GET http://host/?key=1")
    logging.getLogger("httpcore.connection").debug("connect")
    logging.getLogger("somebody").debug("one")
    structlog.get_logger().debug("two")
    configure_logs(evolve(JSON, level="warning"), stream=stream)
    logging.getLogger("somebody").info("never")
    structlog.get_logger().info("never")
    structlog.get_logger().error("three")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["one", "two", "three"]


@pytest.mark.parametrize("format_", ["auto", "json"])
def test_secrets_never_show(format_: str) -> None:
    """A secret is masked in events, fields, objects, library lines, tracebacks and names of fields."""
    stream = io.StringIO()
    configure_logs(LogSettings(file="", format=format_), secrets=[CANARY, CANARY + "-longer", "", "ab"], stream=stream)
    log = structlog.get_logger().bind(url=f"redis://:{CANARY}@host")
    log.info(CANARY, keys=[CANARY + "-longer"], **{CANARY: 1})
    logging.getLogger("redis").error("AUTH %s failed", CANARY)
    try:
        int(CANARY)
    except ValueError:
        log.exception("failed", cut="x" * (FIELD_LIMIT - 4) + CANARY)
    text = stream.getvalue()
    assert CANARY not in text
    assert "-longer" not in text
    assert "c4nary" not in text
    assert text.count("***") >= 6


@pytest.mark.parametrize("format_", ["auto", "json"])
def test_nobody_forges_a_line(format_: str) -> None:
    """Line breaks and terminal codes from outside stay inside their line, as escapes."""
    stream = io.StringIO()
    configure_logs(LogSettings(file="", format=format_), stream=stream)
    attack = "x\n2026-01-01 [info] all is well\r\x1b[2J\u2028\u202e"
    structlog.get_logger().info(attack, field=attack, other={"a": attack})
    logging.getLogger("lib").warning(attack)
    lines = stream.getvalue().split("\n")
    assert len(lines) == 3
    assert not re.search("[\x00-\x1f\u2028\u202e]", "".join(lines))


def test_a_traceback_cannot_forge_a_line() -> None:
    """Tracebacks keep their lines, but every one of them is indented."""
    stream = io.StringIO()
    configure_logs(NO_FILE, stream=stream)
    error = ValueError("bad\n2026-01-01T00:00:00Z [info] all is well\x1b[2J")
    structlog.get_logger().error("failed", exc_info=error)
    first, *others = stream.getvalue().splitlines()
    assert "failed" in first
    assert "\x1b" not in stream.getvalue()
    assert "    ValueError: bad" in others
    assert all(line.startswith("    ") for line in others)


@given(st.text(max_size=2000))
def test_cleaned_text_is_printable_and_short(text: str) -> None:
    """Whatever comes, what is shown has no control characters, and is cut before it is escaped."""
    cleaned = Cleaner(()).text(text)
    assert cleaned.isprintable()
    assert len(cleaned) <= 10 * FIELD_LIMIT
    assert text != cleaned or len(text) <= FIELD_LIMIT


def test_long_texts_are_cut() -> None:
    """A field ends after 256 characters, an event after 1024; the cut shows."""
    stream = io.StringIO()
    configure_logs(JSON, stream=stream)
    structlog.get_logger().info("e" * 5000, field="f" * 5000)
    record = json.loads(stream.getvalue())
    assert record["event"] == "e" * (EVENT_LIMIT - 1) + "…"
    assert record["field"] == "f" * (FIELD_LIMIT - 1) + "…"


def test_the_file_is_private_and_rotated(tmp_path: Path) -> None:
    """The file appears in a folder made for it, readable by its owner only, and is rotated at its limit."""
    path = tmp_path / "logs" / "engine.log"
    configure_logs(LogSettings(file=str(path), file_size_limit=1000, backup_count=2), stream=Terminal())
    for number in range(60):
        structlog.get_logger().info("line", number=number)
    close_logs()
    names = sorted(file.name for file in path.parent.iterdir())
    assert names == ["engine.log", "engine.log.1", "engine.log.2"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
    assert all(file.stat().st_size <= 1000 for file in path.parent.iterdir())
    last = path.read_text().splitlines()[-1]
    assert last.endswith("number=59")
    assert "\x1b" not in last


def test_configured_twice_it_logs_once(tmp_path: Path) -> None:
    """A second call replaces the first: new level, new stream, the old file closed."""
    first, second = io.StringIO(), io.StringIO()
    path = tmp_path / "old.log"
    configure_logs(LogSettings(file=str(path)), stream=first)
    log = structlog.get_logger()
    log.info("one")
    configure_logs(NO_FILE, stream=second)
    log.info("two")
    assert "one" in first.getvalue()
    assert "one" in path.read_text()
    assert "two" not in first.getvalue() + path.read_text()
    assert second.getvalue().count("two") == 1


def test_standard_error_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output is for results: logs go to standard error."""
    configure_logs(NO_FILE)
    structlog.get_logger().info("hello")
    out, err = capsys.readouterr()
    assert out == ""
    assert "hello" in err


def test_a_file_that_cannot_be_is_a_configuration_error(tmp_path: Path) -> None:
    """The message names setting, value, reason and way out; the log configured before stays."""
    stream = io.StringIO()
    configure_logs(NO_FILE, stream=stream)
    (tmp_path / "taken").touch()
    path = tmp_path / "taken" / "engine.log"
    with pytest.raises(ConfigError) as caught:
        configure_logs(LogSettings(file=str(path)))
    assert str(caught.value) == (
        f"log.file = {str(path)!r}: cannot be written: File exists; "
        'allowed: a file in a folder we may write to, or "" for none'
    )
    structlog.get_logger().info("still here")
    assert "still here" in stream.getvalue()
