"""Dead letters on a screen: aligned, whole, and harmless."""

import json

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from engine.dead_letters import Choice, DeadLetter, QueueLetter
from engine.delivery import Batch, Written
from engine.letter_lines import Table, Tally, as_json, outcome_as_text, whole_as_json, whole_as_text
from engine.retry import ACCEPTED, GONE, REFUSED
from engine.selection import Found, Selection

AT = "2026-11-23 10:00:00"
LETTER = DeadLetter(7, "s", 0, "42+1", "fetch", "no ip", 1, b"{}", "", AT)
BATCH = Batch("s", 0, 1, 2, 0, AT, "mirai")
BURIED = QueueLetter("17-0", "s", "16-0", 3, "hopeless", AT, b"\x02", BATCH)

letters = st.builds(
    DeadLetter, st.integers(1), st.text(), st.integers(0), st.text(), st.text(), st.text(), st.integers(0),
    st.binary(), st.text(), st.just(AT),
) | st.builds(
    QueueLetter, st.text(), st.text(), st.text(), st.integers(0), st.text(), st.just(AT), st.binary()
)  # fmt: skip


@given(st.lists(letters, max_size=5))
def test_nothing_acts_on_the_screen(found: list[DeadLetter | QueueLetter]) -> None:
    """Whatever strangers wrote: one printable line each in a list, one a field when shown, and JSON is one line."""
    lines = list(Table().lines(found))
    assert len(lines) == len(found) + 1
    assert all(line.isprintable() for line in lines)
    for letter in found:
        assert all(line.isprintable() for line in whole_as_text(letter).split("\n"))
        assert outcome_as_text(letter, REFUSED, letter.reason, None).isprintable()
        for text in (as_json(letter), whole_as_json(letter)):
            assert text.isprintable()
            assert json.loads(text)["reason"] == letter.reason


def test_columns_are_aligned_and_keep_their_width() -> None:
    """The names once, then a letter a line; a long value is cut, the reason never."""
    table = Table()
    head, first = table.lines([evolve(LETTER, source="a" * 50, reason="r" * 300)])
    (second,) = table.lines([LETTER])
    assert first.index("fetch") == second.index("fetch") == head.index("stage")
    assert "a" * 39 + "…" in first
    assert first.endswith("  " + "r" * 300)


def test_a_letter_of_the_queue_says_what_it_holds() -> None:
    """Its batch and how many records, where that can be read."""
    assert json.loads(as_json(BURIED)) == {
        "id": "queue:17-0", "created_time": AT, "source": "s", "botnet_type": "mirai", "stage": "queue",
        "delivery": "16-0", "batch": BATCH.name, "records": 0, "attempts": 3, "reason": "hopeless",
    }  # fmt: skip
    assert "records" not in json.loads(as_json(BURIED._replace(batch=None)))


def test_the_tally_of_a_retry() -> None:
    """Accepted, staying and gone are counted apart."""
    tally = Tally(rehearse=False)
    for result in (ACCEPTED, ACCEPTED, REFUSED, GONE):
        tally.count(result)
    tally.add(Written(1, 1))
    expected = "accepted 2 (written 1, there before 1), dead letters that stay 1, settled by somebody else 1"
    assert tally.as_text() == expected
    assert Tally(rehearse=True).as_text().startswith("dry run, nothing is changed: accepted 0")


def test_what_is_selected() -> None:
    """Naming letters of one place leaves out the other; filters hold for both."""
    assert Selection().is_everything
    assert (Selection().wants_database, Selection().wants_queue) == (True, True)
    numbers, buried = Selection(Choice(ids=(7, 5, 7))), Selection(queue_ids=("17-0",))
    assert (numbers.wants_database, numbers.wants_queue) == (True, False)
    assert (buried.wants_database, buried.wants_queue) == (False, True)
    assert [*numbers.names, *buried.names] == ["5", "7", "queue:17-0"]
    for choice, is_meant in {
        Choice(source="s", botnet="mirai", reason="HOPE", since=AT): True,
        Choice(source="t"): False,
        Choice(botnet="ramnit"): False,
        Choice(reason="ip"): False,
        Choice(since="2026-11-23 10:00:01"): False,
    }.items():
        assert Selection(choice).of_queue([BURIED]) == ([BURIED] if is_meant else [])
    assert Selection(queue_ids=("1",)).of_queue([BURIED]) == []


def test_what_is_missing() -> None:
    """Every letter that was named and not met."""
    found = Found.of(Selection(Choice(ids=(5, 7)), ("17-0",)))
    found.add([LETTER])
    assert (found.missing, found.count) == (["5", "queue:17-0"], 1)
    found.add([BURIED])
    assert (found.missing, found.count) == (["5"], 2)
