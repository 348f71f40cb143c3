"""The picture in lines and on a terminal: what is there is said, and nothing a stranger wrote acts."""

import io

from attrs import evolve
from rich.console import Console

from engine import status_lines
from engine.durations import duration
from engine.picture import (
    About,
    AuditView,
    CacheView,
    CursorView,
    Health,
    LettersView,
    LetterView,
    Limit,
    Picture,
    QueueView,
    Rate,
    SeenView,
    SourceView,
    TopView,
    WorkerView,
)
from engine.screen import bar, screen, sparkline
from engine.stats import Snapshot

HOSTILE = "\x1b[31m[bold]red[/bold]\n2026"
EMPTY = Picture(
    engine=About("0.1.0", "2026-11-25T00:00:00Z", 7_500.0, "host", 1, "redis", "mysql", "built-in"),
    health=Health(ready=True),
    limit=Limit("none", "nothing-waits", "Nothing waits."),
    queue=QueueView(None, 10, 5),
)
FULL = evolve(
    EMPTY,
    health=Health(ready=False, reason="3 batches wait"),
    limit=Limit("database", "database-busy", "The database.", "worker.worker_count"),
    queue=QueueView(3, 10, 5, paused=True),
    totals=Snapshot(20, 10, 7, 2, 1, 1, 5),
    rate=Rate(1234.0, 1000.0, 900.0, [(0, 1.0), (10, 2.0)]),
    workers=[WorkerView("worker-1", "waiting for the database", 12.0, 10, {"writing": 0.75, "idle": 0.25}, {})],
    sources=[SourceView("s", "unreachable", CursorView(1, 42), 1_234, 61.0, 3, None, HOSTILE, 0.5, 20, 5, {})],
    cache=CacheView(1, 1, 2, 100, 0.5),
    newest=[SeenView("2026-11-25T00:00:00Z", "1.1.1.1", "AU", HOSTILE, "mirai", cleanup=False)],
    top=TopView([("AU", 3)], [], [("mirai", 3)]),
    dead_letters=LettersView(1, [LetterView(1, HOSTILE, "s", None, "2026-11-25T00:00:00Z")], 2),
    audit=AuditView(10, 7, 2, 0, 0, 0, 1, balanced=False, since="2026", at="2026"),
    whole_audit=AuditView(99, 99, 0, 0, 0, 0, 0, balanced=True, since="2025", at="2026"),
)


def drawn(picture: Picture) -> str:
    """What the screen shows, without colours."""
    console = Console(file=io.StringIO(), width=160, color_system=None, force_terminal=False)
    console.print(screen(picture, console.width))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_an_engine_that_has_just_begun() -> None:
    """What is not known yet is said not to be."""
    text = status_lines.as_text(EMPTY)
    assert "queue         ? of 10 batches" in text
    assert "dead letters  not asked yet" in text
    assert "audit         not asked yet" in text
    assert "running 2 h 5 min" in text
    assert "state         ready" in text
    assert "Nothing waits." in drawn(EMPTY)


def test_an_engine_in_trouble() -> None:
    """The reason, the stage with its setting, the source's error, and what is missing."""
    for text in (status_lines.as_text(FULL), drawn(FULL)):
        assert "NOT ready: 3 batches wait" in text
        assert "The database. (worker.worker_count)" in text
        assert "3 of 10 batches, paused" in text
        assert "NOT balanced, 1 records are missing" in text
        assert "writing 75%, idle 25%" in text
        assert "at most 1,234 behind" in text
        assert "balanced: of 99 records since 2025 to 2026; then NOT balanced" in text
        assert "1 and 2 whole batches in the queue, the last one" in text
        assert "newest sighting 1 min 1 s old" in text
    assert status_lines.as_line(FULL).startswith(
        "1,234 records/s  received 10  queue 3 of 10 batches, paused  The data"
    )


def test_strangers_texts_do_not_act() -> None:
    """No escape, no markup, no line of their own."""
    for text in (status_lines.as_text(FULL), drawn(FULL), status_lines.as_line(FULL)):
        assert "\x1b" not in text
        assert not [line for line in text.splitlines() if line.startswith("2026")]
    assert r"\x1b[31m[bold]red[/bold]\n2026" in status_lines.as_text(FULL)


def test_an_engine_that_stops() -> None:
    """Says so, ready or not."""
    stopping = evolve(EMPTY, engine=evolve(EMPTY.engine, is_stopping=True))
    assert "state         stopping" in status_lines.as_text(stopping)


def test_bars() -> None:
    """The last values, scaled to the largest; shares of time in as many signs."""
    assert sparkline([0, 7, 14], 2) == "▅█"
    assert sparkline([0, 0], 5) == "▁▁"
    assert sparkline([], 5) == ""
    assert bar({"writing": 0.5, "idle": 0.5}) == "█" * 10 + "·" * 10
    assert bar({}) == " " * 20


def test_time_spans() -> None:
    """Two units at most."""
    seconds = (0.4, 59.6, 3_599, 7_260, 90_000)
    assert [duration(each) for each in seconds] == ["0 s", "1 min 0 s", "59 min 59 s", "2 h 1 min", "1 d 1 h"]
