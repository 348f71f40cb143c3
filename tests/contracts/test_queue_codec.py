"""Batches as bytes, and the packed index of marks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.queues import marks
from adapters.queues.codec import UndecodableError, decode, encode
from engine.delivery import Batch, Debt, Mark
from engine.sighting import Rejected, Sighting

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NUMBER = st.integers(0, 2**63 - 1)
SIGHTINGS = st.builds(Sighting, TEXT, TEXT, NUMBER, st.booleans(), st.none() | TEXT)
REJECTED = st.builds(Rejected, TEXT, TEXT, TEXT, st.binary(max_size=40), st.integers(1, 9))
SPANS = st.none() | st.tuples(NUMBER, NUMBER)
BATCHES = st.builds(
    Batch, TEXT, NUMBER, NUMBER, NUMBER, NUMBER, TEXT, TEXT, st.lists(SIGHTINGS), st.lists(REJECTED), SPANS, TEXT
)


@given(BATCHES)
def test_a_batch_survives(batch: Batch) -> None:
    """What is decoded is what was encoded, to the type."""
    again = decode(encode(batch))
    assert again == batch
    assert all(type(one) is Sighting for one in again.sightings)
    assert all(type(one) is Rejected for one in again.rejected)


@given(st.binary(max_size=60))
def test_garbage_has_one_error(garbage: bytes) -> None:
    """Bytes that are no batch raise UndecodableError and nothing else, with the first byte right too."""
    for payload in (garbage, b"\x01" + garbage, b"\x02" + garbage):
        with pytest.raises(UndecodableError):
            decode(payload)


@given(BATCHES, st.data())
def test_a_cut_batch_is_no_batch(batch: Batch, data: st.DataObject) -> None:
    """What lost its end is not half read."""
    payload = encode(batch)
    with pytest.raises(UndecodableError):
        decode(payload[: data.draw(st.integers(0, len(payload) - 1))])


def test_a_newer_form_is_named() -> None:
    """An older engine refuses what a newer one wrote, and says which form it found."""
    with pytest.raises(UndecodableError, match="found form 3"):
        decode(b"\x03whatever")


def test_the_form_of_before_is_read() -> None:
    """What an engine of before left in a queue: a batch without a digest."""
    payload = b"\x01\x9a\xa1s\x00\x01\x02\x00\xa1t\xa1b\x91\x95\xa71.2.3.4\xa2at\x01\xc2\xc0\x90\xc0"
    assert decode(payload) == Batch("s", 0, 1, 2, 0, "t", "b", [Sighting("1.2.3.4", "at", 1)], [])
    assert decode(payload).name == "s:0:1-2:0"


MARKS = st.dictionaries(st.integers(1, 60), st.integers(0, 2**32 - 1)).map(
    lambda found: [Mark(*each) for each in sorted(found.items())]
)


@given(MARKS)
def test_marks_survive(known: list[Mark]) -> None:
    """Packed and unpacked, numbers and fingerprints are the same."""
    numbers, fingerprints = marks.unpack(marks.pack(known))
    assert [Mark(*each) for each in zip(numbers, fingerprints, strict=True)] == known


@pytest.mark.parametrize("size", [1, 4, 16, 20, 25])
def test_what_is_no_page_of_marks_is_refused(size: int) -> None:
    """Rather than read with its numbers beside wrong fingerprints."""
    with pytest.raises(ValueError, match=f"{size} bytes"):
        marks.unpack(bytes(size))


@given(MARKS, st.integers(1, 9), st.data())
def test_debts_are_counted_as_by_hand(known: list[Mark], size: int, data: st.DataObject) -> None:
    """However the marks are cut into pages, the count is that of one list."""
    pages = [marks.pack(known[at : at + size]) for at in range(0, len(known), size)]
    strangers = st.builds(Mark, st.integers(0, 61), st.integers(0, 1))
    front = data.draw(strangers | st.sampled_from(known) if known else strangers)
    since = data.draw(st.none() | st.sampled_from(known)) if known else None
    watermark, limit = data.draw(st.none() | st.integers(0, 61)), data.draw(st.integers(0, 70))
    found = marks.count_debt(pages, front, since, watermark, limit)
    if front not in known:
        assert found is None
        return
    settled = [one for one in known if one >= front and (watermark is None or one.sequence <= watermark)]
    moved = [one for one in known if since is not None and since <= one < front]
    assert found == Debt(min(len(settled), limit), len(moved))
