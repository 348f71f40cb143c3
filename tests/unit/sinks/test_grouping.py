"""What batches say of each address, and which of them said it first."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from adapters.sinks.grouping import by_address, outdated, shares
from engine.delivery import Batch
from engine.sighting import Sighting

SIGHTINGS = st.lists(
    st.builds(
        Sighting, st.sampled_from(["1.1.1.1", "10.0.0.1", "2.2.2.2", "::1"]), st.sampled_from("abcde"), st.just(1),
        st.booleans(), st.sampled_from([None, "x", "y"]),
    )
)  # fmt: skip


BATCHES = st.lists(SIGHTINGS, min_size=1, max_size=4)


def batches_of(parts: Sequence[Sequence[Sighting]]) -> list[Batch]:
    """A batch of each part, received at its number."""
    return [Batch("s", 0, n, n, 0, str(n), "kind", part) for n, part in enumerate(parts)]


@given(BATCHES)
def test_addresses_and_times_ascend_and_nothing_is_lost(parts: list[list[Sighting]]) -> None:
    """Every distinct sighting and cleanup is there once, in the order in which locks are taken; the first is kept."""
    said = [(str(n), s) for n, part in enumerate(parts) for s in part]
    told = by_address(batches_of(parts))
    assert list(told.seen) == sorted({(s.ip, s.seen_at) for _, s in said if not s.cleanup})
    assert list(told.cleanups) == sorted({s.ip for _, s in said if s.cleanup})
    for ip, reports in told.cleanups.items():
        assert list(reports) == sorted({s.seen_at for _, s in said if s.ip == ip and s.cleanup})
    for (ip, seen_at), kept in told.seen.items():
        first = next((at, s.event_type) for at, s in said if (s.ip, s.seen_at, s.cleanup) == (ip, seen_at, False))
        assert (kept.received_at, kept.event_type) == first


@given(BATCHES)
def test_a_head_says_when_and_how_often(parts: list[list[Sighting]]) -> None:
    """One for every address, in order, those that were only reported clean among them."""
    told = by_address(batches_of(parts))
    heads = told.heads()
    assert [head.ip for head in heads] == sorted({s.ip for part in parts for s in part})
    times = told.times()
    for ip, first, last, count in heads:
        seen = sorted({s.seen_at for part in parts for s in part if s.ip == ip and not s.cleanup})
        assert (first, last, count) == ((seen[0], seen[-1], len(seen)) if seen else (None, None, 0))
        assert times.get(ip, []) == seen
    assert sorted(set(told.said())) == sorted({s.seen_at for part in parts for s in part})


@given(BATCHES, st.sets(st.integers(0, 30)))
def test_each_sighting_is_new_in_one_batch_at_most(parts: list[list[Sighting]], known_places: set[int]) -> None:
    """What was not known is the share of the batch that says it first."""
    batches = batches_of(parts)
    told = by_address(batches)
    first_said: dict[tuple[str, str, bool], int] = {}
    for place, batch in enumerate(batches):
        for seen in batch.sightings:
            first_said.setdefault((seen.ip, seen.seen_at, seen.cleanup), place)
    assert sorted(told.owners()) == sorted(first_said.values())
    known = [place for number, place in enumerate(first_said.values()) if number in known_places]
    new = [place for number, place in enumerate(first_said.values()) if number not in known_places]
    assert shares(told.firsts, known) == [new.count(place) for place in range(len(batches))]


@given(st.sets(st.sampled_from("abcdef")), st.sampled_from([None, *"abcdef"]))
def test_only_reports_later_than_the_stored_one_are_news(reports: set[str], stored: str | None) -> None:
    """Those up to the stored one are outdated; without one, none is."""
    numbered = {at: number for number, at in enumerate(sorted(reports))}
    assert outdated(numbered, stored) == [numbered[at] for at in sorted(reports) if at <= (stored or "")]
