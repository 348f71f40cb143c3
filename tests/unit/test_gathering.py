"""Which deliveries share a transaction."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.delivery import Batch, Delivery
from engine.gathering import GROUP_LIMIT, LEAST_SHARE, gather
from engine.sighting import Sighting


def delivery(number: int, kind: str, size: int, attempt: int = 1) -> Delivery:
    """A delivery of so many sightings."""
    sightings = [Sighting("1.2.3.4", "2026-11-20 00:00:00", number)] * size
    return Delivery(str(number), attempt, Batch("s", 0, number, number, 0, "", kind, sightings))


def sizes(groups: Sequence[Sequence[Delivery]]) -> list[int]:
    """How many records each group has."""
    return [sum(each.batch.size for each in group) for group in groups]


DELIVERIES = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(1, 3000), st.sampled_from([1, 1, 1, 2])), max_size=30
).map(lambda drawn: [delivery(number, *each) for number, each in enumerate(drawn)])


@given(DELIVERIES, st.integers(1, 8), st.sampled_from([None, 50, 2000]))
def test_everything_is_in_one_group(deliveries: list[Delivery], workers: int, record_limit: int | None) -> None:
    """Of one type, in their order, within the limit; whatever failed before is alone."""
    groups = list(gather(deliveries, workers, record_limit))
    assert sorted(int(each.id) for group in groups for each in group) == list(range(len(deliveries)))
    for group, size in zip(groups, sizes(groups), strict=True):
        assert len({each.batch.botnet_type for each in group}) == 1
        assert [int(each.id) for each in group] == sorted(int(each.id) for each in group)
        assert len(group) == 1 or all(each.attempt == 1 for each in group)
        assert len(group) == 1 or size <= (record_limit or GROUP_LIMIT)


@pytest.mark.parametrize(
    ("count", "size", "workers", "expected"),
    [
        (300, 1, 4, [300]),
        (20, 1000, 1, [5000] * 4),
        (8, 1000, 4, [2000] * 4),
        (8, 1000, 8, [1000] * 8),
        (3, 1000, 8, [1000] * 3),
        (1, 9000, 2, [9000]),
    ],
)
def test_work_is_spread_over_the_workers(count: int, size: int, workers: int, expected: list[int]) -> None:
    """Evenly, but small ones stay together, and none grows without end."""
    assert sizes(list(gather([delivery(n, "a", size) for n in range(count)], workers, None))) == expected
    assert LEAST_SHARE <= GROUP_LIMIT
