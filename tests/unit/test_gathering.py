"""Which deliveries share a transaction."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.delivery import Batch, Delivery
from engine.gathering import GROUP_LIMIT, LEAST_SHARE, gather
from engine.sighting import Sighting
from engine.slots import spread


def delivery(number: int, kind: str, size: int, attempt: int = 1) -> Delivery:
    """A delivery of so many sightings."""
    sightings = [Sighting("1.2.3.4", "2026-11-20 00:00:00", number)] * size
    return Delivery(str(number), attempt, Batch("s", 0, number, number, 0, "", kind, sightings))


def seen_at(number: int, kind: str, ips: Sequence[str]) -> Delivery:
    """A delivery of a sighting of each of these addresses."""
    sightings = [Sighting(ip, "2026-11-20 00:00:00", number) for ip in ips]
    return Delivery(str(number), 1, Batch("s", 0, number, number, 0, "", kind, sightings))


def scattered(count: int) -> list[Sighting]:
    """One sighting of each of so many addresses, far from each other."""
    ips = [f"{1 + number % 200}.{number // 200}.8.8" for number in range(count)]
    return [Sighting(ip, "2026-11-20 00:00:00", 1) for ip in ips]


def sizes(groups: Sequence[Sequence[Delivery]]) -> list[int]:
    """How many records each group has."""
    return [sum(each.batch.size for each in group) for group in groups]


DELIVERIES = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(1, 3000), st.sampled_from([1, 1, 1, 2])), max_size=30
).map(lambda drawn: [delivery(number, *each) for number, each in enumerate(drawn)])


@given(DELIVERIES, st.integers(1, 8), st.sampled_from([None, 50, 2000]))
def test_everything_is_in_one_group(deliveries: list[Delivery], shares: int, record_limit: int | None) -> None:
    """Of one type, in their order, within the limit; whatever failed before is alone."""
    groups = list(gather(deliveries, shares, record_limit))
    assert sorted(int(each.id) for group in groups for each in group) == list(range(len(deliveries)))
    for group, size in zip(groups, sizes(groups), strict=True):
        assert len({each.batch.botnet_type for each in group}) == 1
        assert [int(each.id) for each in group] == sorted(int(each.id) for each in group)
        assert len(group) == 1 or all(each.attempt == 1 for each in group)
        assert len(group) == 1 or size <= (record_limit or GROUP_LIMIT)


@pytest.mark.parametrize(
    ("count", "size", "shares", "expected"),
    [
        (300, 1, 4, [300]),
        (20, 1000, 1, [5000] * 4),
        (8, 1000, 4, [2000] * 4),
        (8, 1000, 8, [1000] * 8),
        (3, 1000, 8, [1000] * 3),
        (1, 9000, 2, [9000]),
    ],
)
def test_work_is_divided_into_shares(count: int, size: int, shares: int, expected: list[int]) -> None:
    """Evenly, but small ones stay together, and none grows without end."""
    assert sizes(list(gather([delivery(n, "a", size) for n in range(count)], shares, None))) == expected
    assert LEAST_SHARE <= GROUP_LIMIT


def test_workers_get_addresses_of_their_own() -> None:
    """What several pages say of one slot is one group's, as long as that is not too large."""
    pages = [spread(scattered(5000), 1000) for _ in range(3)]
    parts = [[sighting.ip for sighting in part] for page in pages for part in page]
    groups = list(gather([seen_at(number, "a", part) for number, part in enumerate(parts)], 4, None))
    told = [{sighting.ip for each in group for sighting in each.batch.sightings} for group in groups]
    assert len(groups) == 4
    assert sum(map(len, told)) == 5000 == len(set.union(*told))


def test_two_pages_are_a_half_each() -> None:
    """Half the slots of both fit one group: two writers are at addresses of their own."""
    parts = [[sighting.ip for sighting in part] for _ in range(2) for part in spread(scattered(5000), 1000)]
    groups = list(gather([seen_at(number, "a", part) for number, part in enumerate(parts)], 1, None))
    first, second = ({sighting.ip for each in group for sighting in each.batch.sightings} for group in groups)
    assert first.isdisjoint(second)


def test_a_slot_with_too_much_comes_in_turn_with_the_others() -> None:
    """Groups that follow each other have no address in common; those of one slot are as far apart as they can be."""
    parts = list(spread(scattered(2000), 1000))
    ips = [[sighting.ip for sighting in part] for part in parts]
    deliveries = [seen_at(10 * slot + turn, "a", part) for slot, part in enumerate(ips) for turn in range(3)]
    groups = list(gather(deliveries, 2, max(map(len, ips))))
    assert [int(each.id) for group in groups for each in group] == [0, 10, 1, 11, 2, 12]


def test_types_take_turns() -> None:
    """Workers that take group by group are at different botnet types, not all at the first one."""
    deliveries = [delivery(number, kind, 1000) for number, kind in enumerate(["gozi"] * 3 + ["mirai"] * 3)]
    groups = gather(deliveries, 2, 1000)
    assert [group[0].batch.botnet_type for group in groups] == ["gozi", "mirai"] * 3
