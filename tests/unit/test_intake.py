"""A page becomes batches, and no record falls between them."""

from types import SimpleNamespace

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from engine.acceptance import Rules
from engine.delivery import Cursor, Page, RawRecord, Unreadable
from engine.intake import prepare


def raw(ip: object = "8.8.8.8", botnet_type: object = "mirai") -> RawRecord:
    """A record as a source would hand it out."""
    return SimpleNamespace(
        ip=ip, timestamp="2026-11-20T00:00:01", botnet_type=botnet_type, log_type="online", event_type=None
    )


def page(*records: tuple[int | None, RawRecord | Unreadable], start: Cursor = Cursor()) -> Page:  # noqa: B008
    """A page of numbered records after `start`."""
    numbers = [number for number, _ in records if number is not None]
    return Page(
        source="s",
        start=start,
        end=Cursor(start.epoch, max([start.sequence, *numbers]), 1),
        received_at="2026-11-23 00:00:00",
        records=[record for _, record in records],
        sequences=[number for number, _ in records],
        originals=lambda: [f"original {index}".encode() for index in range(len(records))],
    )


def test_batches_hold_one_type_and_are_cut_to_size() -> None:
    """Types are split, long runs are cut, and each batch knows its lowest and highest number."""
    kinds = ["mirai", "ramnit", "mirai", "mirai"]
    intake = prepare(page(*((n, raw(botnet_type=kind)) for n, kind in enumerate(kinds, 1))), Rules(), 2)
    assert [(b.botnet_type, b.first, b.last, b.part, b.size) for b in intake.batches] == [
        ("mirai", 1, 3, 0, 2),
        ("mirai", 4, 4, 1, 1),
        ("ramnit", 2, 2, 2, 1),
    ]


def test_a_refused_record_keeps_its_bytes_and_its_neighbours() -> None:
    """One broken record is a rejection with its original bytes; the rest of the page goes on."""
    intake = prepare(page((1, raw()), (2, raw(ip="999.1.1.1")), (3, Unreadable("no object")), (4, raw())), Rules(), 10)
    good, bad = intake.batches
    assert [sighting.sequence for sighting in good.sightings] == [1, 4]
    assert [(r.position, r.stage, r.original) for r in bad.rejected] == [
        ("2", "fetch", b"original 1"),
        ("3", "fetch", b"original 2"),
    ]
    assert (bad.botnet_type, bad.first, bad.last) == ("", 2, 3)


def test_records_without_a_usable_number_get_places_of_their_own() -> None:
    """No number, or one that steps back: placed behind the last good number, each place once."""
    bad = raw(ip=None)
    intake = prepare(page((5, bad), (None, bad), (3, bad), (6, bad), (None, bad), start=Cursor(0, 4, 9)), Rules(), 10)
    (batch,) = intake.batches
    assert [r.position for r in batch.rejected] == ["5", "5+1", "5+2", "6", "6+1"]


def test_a_good_sighting_without_a_number_is_kept() -> None:
    """Evidence is evidence: it is placed behind the last good number."""
    intake = prepare(page((None, raw()), start=Cursor(0, 41, 9)), Rules(), 10)
    assert intake.batches[0].sightings[0].sequence == 41


def test_a_batch_is_named_after_what_it_holds() -> None:
    """The same records have the same name whenever they come; others, under the same numbers, have another."""
    records = [(1, raw()), (2, raw(ip="999.1.1.1"))]
    good, bad = prepare(page(*records), Rules(), 10).batches
    later = evolve(page(*records), received_at="2026-11-24 00:00:00")
    assert [batch.name for batch in prepare(later, Rules(), 10).batches] == [good.name, bad.name]
    others = page((1, raw(ip="8.8.4.4")), (2, raw(ip="999.1.1.1")))
    others = evolve(others, originals=lambda: [b"", b"other bytes"])
    for other, known in zip(prepare(others, Rules(), 10).batches, (good, bad), strict=True):
        assert other.name != known.name
        assert (other.first, other.last, other.part) == (known.first, known.last, known.part)


records = st.tuples(
    st.none() | st.integers(1, 60),
    st.builds(
        raw, st.sampled_from(["8.8.8.8", "1.1.1.1", "10.0.0.1", None, 5]), st.sampled_from(["mirai", "a", "B", None])
    )
    | st.builds(Unreadable, st.just("junk")),
)


@given(st.lists(records, max_size=40), st.integers(1, 7), st.integers(0, 30))
def test_every_record_is_in_exactly_one_batch(
    drawn: list[tuple[int | None, RawRecord | Unreadable]], size: int, start: int
) -> None:
    """Sizes add up, places are unique, batches are cut to size and carry names of their own."""
    batches = prepare(page(*drawn, start=Cursor(0, start, 1)), Rules(), size).batches
    assert sum(batch.size for batch in batches) == len(drawn)
    assert all(1 <= batch.size <= size for batch in batches)
    places = [rejected.position for batch in batches for rejected in batch.rejected]
    assert len(places) == len(set(places))
    assert len({batch.name for batch in batches}) == len(batches)


def test_a_batch_of_large_refused_records_is_cut_by_their_bytes() -> None:
    """However many records a batch may have, it is full at a mebibyte of originals."""
    large = evolve(page(*((n, raw(ip=None)) for n in range(1, 41))), originals=lambda: [b"x" * 65_536] * 40)
    batches = prepare(large, Rules(), 1000).batches
    assert [batch.size for batch in batches] == [16, 16, 8]
    assert [(batch.first, batch.last, batch.part) for batch in batches] == [(1, 16, 0), (17, 32, 1), (33, 40, 2)]
