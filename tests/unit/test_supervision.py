"""What counts as progress, and the line that says how fast it is."""

import pytest

from engine.stats import Snapshot
from engine.supervision import InHand, has_moved, status


@pytest.mark.parametrize(
    ("before", "now", "moved"),
    [
        (set(), set(), True),
        (set(), {("1", 1)}, True),
        ({("1", 1)}, {("1", 1)}, False),
        ({("1", 1)}, {("1", 1), ("2", 1)}, False),
        ({("1", 1), ("2", 1)}, {("2", 1)}, True),
        ({("1", 1)}, {("1", 2)}, True),
    ],
)
def test_progress_is_something_done_of_what_was_in_hand(before: InHand, now: InHand, *, moved: bool) -> None:
    """Nothing in hand is no standstill; more of it is no progress; a failed attempt is."""
    assert has_moved(before, now) is moved


def test_the_status_is_one_line() -> None:
    """Numbers only: nothing that came from outside can forge a line of the protocol."""
    line = status(Snapshot(received=12_345, written=12_000, duplicates=300, rejected=45, confirmed=5), 1234.5)
    assert line == "1,234 records/s; 12,345 received, 12,000 written, 45 rejected, 5 confirmed"
