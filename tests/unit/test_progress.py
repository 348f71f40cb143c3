"""How far a long command has come, in lines."""

from engine.progress import LINE_SECONDS, Lines, Pace, line, progress


def test_a_line_now_and_then() -> None:
    """None for what is soon done; then one every ten seconds, with the rate since the beginning and the time left."""
    said: list[str] = []
    now = [100.0]
    lines = Lines("audit", "batches", said.append, clock=lambda: now[0])
    for second in range(25):
        now[0] = 100.0 + second
        lines.show(second * 10, 1_000)
    assert said == [
        "audit: 100 of 1,000 batches, 10/s, 1 min 30 s left",
        "audit: 200 of 1,000 batches, 10/s, 1 min 20 s left",
    ]
    assert LINE_SECONDS == 10


def test_a_total_that_is_not_known_yet_is_what_is_done() -> None:
    """Nothing is left then, nor is there a time where nothing moves."""
    assert line("run", "records", 50, 0, 5.0) == "run: 50 of 50 records, 5/s"
    assert line("run", "records", 0, 50, 0.0) == "run: 0 of 50 records, 0/s"


def test_a_pace_counts_from_the_first_look() -> None:
    """What was done before it is not its speed."""
    pace = Pace()
    assert pace.rate(1_000, 10.0) == 0.0
    assert pace.rate(1_300, 20.0) == 30.0


def test_nothing_is_drawn_where_there_is_no_terminal() -> None:
    """Under pytest there is none: lines, and none of them for a moment's work."""
    said: list[str] = []
    with progress("audit", "batches", said.append) as show:
        show(1, 2)
    assert said == []
