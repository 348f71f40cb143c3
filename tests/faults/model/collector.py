"""The collector of the model: what its SQL does, and what it forgets."""

from bisect import bisect_left, insort
from typing import NamedTuple

from attrs import define, field

from engine.delivery import Mark


class Row(NamedTuple):
    """One record of a collector. Its fingerprint is its own in the whole run: it stands for the record's content."""

    created_at: int
    mark: Mark


@define(eq=False)
class Collector:
    """The collector's spool, as its SQL works.

    A pull goes by sequence, a confirm by creation time, and it names no record.
    """

    incarnation: int = 0
    clock_offset: int = 0
    _by_sequence: list[Mark] = field(factory=list)
    _by_creation: list[Row] = field(factory=list)
    _last: int = 0

    def add(self, fingerprint: int, now: float, gap: int) -> None:
        """Spool one more record; `gap` numbers before it were burnt by duplicates."""
        self._last += 1 + gap
        mark = Mark(self._last, fingerprint)
        self._by_sequence.append(mark)
        insort(self._by_creation, Row(int(now) + self.clock_offset, mark))

    def pull(self, limit: int, since: int) -> list[Mark]:
        """`pulled=0 AND seq_id>since ORDER BY seq_id LIMIT limit`."""
        begin = bisect_left(self._by_sequence, (since + 1,))
        return self._by_sequence[begin : begin + limit]

    def confirm(self, count: int) -> list[Mark]:
        """Mark the first `count` records that are not pulled, by creation time; return what is hidden now."""
        hidden = [row.mark for row in self._by_creation[:count]]
        del self._by_creation[:count]
        if hidden == self._by_sequence[:count]:
            del self._by_sequence[:count]
        else:
            gone = set(hidden)
            self._by_sequence = [mark for mark in self._by_sequence if mark not in gone]
        return hidden

    def reset(self) -> list[Mark]:
        """Lose the spool; return the records that nobody was told about any more."""
        gone = self._by_sequence
        self._by_sequence, self._by_creation, self._last = [], [], 0
        self.incarnation += 1
        return gone

    @property
    def waiting(self) -> int:
        """How many records are not confirmed."""
        return len(self._by_sequence)
