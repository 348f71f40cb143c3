"""What the demo collector still hands out: two counters, since every record follows from its number."""

import json
import time
from bisect import bisect_right
from collections.abc import Callable

from attrs import define, field

from adapters.sources.demo_records import is_number, numbered, record

PULL_CAP = 5000


@define(eq=False)
class DemoSpool:
    """A finite day of records, all there at once, or (`finite` None) a live stream of `per_second`, at most 32768.

    `confirmed` counts the records that were confirmed: they are gone. `clock` gives Unix time.
    """

    finite: int | None
    per_second: int
    seed: int
    clock: Callable[[], float] = time.time
    confirmed: int = 0
    _began: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._began = self.clock()

    @property
    def produced(self) -> int:
        """How many records there ever were."""
        if self.finite is not None:
            return self.finite
        return int(max(0.0, self.clock() - self._began) * self.per_second)

    def number(self, place: int) -> int:
        """The number of the record produced after `place` others."""
        if self.finite is not None:
            return numbered(int(self._began), place, is_day=True)
        second, slot = divmod(place, self.per_second)
        return numbered(int(self._began) + second, slot, is_day=False)

    def confirm(self, count: int) -> None:
        """Forget the `count` oldest records."""
        self.confirmed = min(self.produced, self.confirmed + max(0, count))

    def pull(self, limit: int, since: int | None) -> bytes:
        """The answer to a pull.

        The record right after `since` is shown even where an earlier demo gave it out: its reader finds it again.
        """
        produced = self.produced
        numbers: list[int] = []
        begin = self.confirmed
        if since is not None:
            begin = max(begin, bisect_right(range(produced), since, key=self.number))
            if since + 1 != self.number(begin) and is_number(since + 1, self.clock()):
                numbers.append(since + 1)
        end = min(produced, begin + min(limit, PULL_CAP) - len(numbers))
        numbers += map(self.number, range(begin, end))
        listed = b", ".join(record(number, self.seed) for number in numbers)
        highest = numbers[-1] if numbers else 0
        return b'{"success": true, "count": %d, "data": [%b], "records": [%b], "max_seq_id": %d, "stats": %b}' % (
            len(numbers),
            listed,
            listed,
            highest,
            json.dumps(self.stats()).encode(),
        )

    def stats(self) -> dict[str, int | bool]:
        """The counters every answer carries."""
        return {
            "cached_records": self.produced - self.confirmed,
            "pulled_records": 0,
            "total_generated": self.produced,
            "total_pulled": self.confirmed,
            "cache_full": False,
        }
