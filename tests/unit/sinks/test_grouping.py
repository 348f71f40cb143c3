"""What a batch says of each address."""

from hypothesis import given
from hypothesis import strategies as st

from adapters.sinks.grouping import advancing, by_address
from engine.sighting import Sighting

SIGHTINGS = st.lists(
    st.builds(
        Sighting, st.sampled_from(["1.1.1.1", "10.0.0.1", "2.2.2.2", "::1"]), st.sampled_from("abcde"), st.just(1),
        st.booleans(), st.sampled_from([None, "x", "y"]),
    )
)  # fmt: skip


@given(SIGHTINGS)
def test_addresses_and_times_ascend_and_nothing_is_lost(sightings: list[Sighting]) -> None:
    """Every distinct sighting and cleanup is there once, in the order in which locks are taken."""
    addresses = by_address(sightings)
    assert [address.ip for address in addresses] == sorted({s.ip for s in sightings})
    for ip, seen, cleanups in addresses:
        assert list(seen) == sorted({s.seen_at for s in sightings if s.ip == ip and not s.cleanup})
        assert cleanups == sorted({s.seen_at for s in sightings if s.ip == ip and s.cleanup})
        for seen_at, event in seen.items():
            assert (
                event == next(s for s in sightings if (s.ip, s.seen_at, s.cleanup) == (ip, seen_at, False)).event_type
            )


@given(st.sets(st.sampled_from("abcdef")), st.sampled_from([None, *"abcdef"]))
def test_only_reports_later_than_the_stored_one_advance(reports: set[str], stored: str | None) -> None:
    """Taken in turn, each later report moves the time forward once."""
    assert advancing(sorted(reports), stored) == sum(report > (stored or "") for report in reports)
