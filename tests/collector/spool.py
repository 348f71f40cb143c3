"""What a collector keeps: numbered records, which of them were pulled, and every confirm with what it marked.

The rules are those of the deployed collectors: a pull gives unpulled records in the order of their numbers, a confirm
marks the first unpulled ones in the order of their creation.
"""

import json
import threading
import time
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import islice, repeat
from typing import NamedTuple

PULL_CAP = 5000
KINDS = (b"mirai", b"ramnit", b"gozi", b"emotet")
Ranges = list[tuple[int, int]]


class Verbatim(bytes):
    """A record to be sent exactly so, without numbers of ours."""

    __slots__ = ()


class Pulled(NamedTuple):
    """What one pull gives: encoded records, and the highest number among them (0 when there is none)."""

    records: Sequence[bytes]
    highest: int


class Spool:
    """All records since the last reset. Every method is one step, from any thread.

    `gap_every=N` burns a number after every N records, as the deduplication of real collectors does. `clock` gives the
    creation time in seconds.
    """

    def __init__(self, *, gap_every: int = 0, clock: Callable[[], float] = time.time) -> None:
        self.gap_every = gap_every
        self.clock = clock
        self.confirms: list[dict[str, object]] = []
        self.on_confirm: Callable[[dict[str, object]], None] = lambda _entry: None
        self._lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Lose everything; numbers start at 1 again."""
        with self._lock:
            self._records: list[bytes] = []
            self._sequences = array("q")
            self._created = array("q")
            self._is_pulled = bytearray()
            self._next = 1
            self._pulled_count = 0
            self._first_unpulled = 0
            self._deleted = 0
            self._is_in_order = True

    def add(self, records: Iterable[bytes]) -> None:
        """Append records: JSON objects get their numbers when they are pulled, anything else is sent as it is."""
        with self._lock:
            created = int(self.clock())
            if self._created and created < self._created[-1]:
                self._is_in_order = False
            for record in records:
                self._records.append(_unfinished(record))
                self._sequences.append(self._next)
                self._created.append(created)
                self._is_pulled.append(0)
                self._next += 1
                if self.gap_every and len(self._records) % self.gap_every == 0:
                    self._next += 1

    def pull(self, limit: int, since: int | None, *, confirm: bool = False) -> Pulled:
        """Give unpulled records with a number above `since`, ascending, at most PULL_CAP."""
        with self._lock:
            begin = self._first_unpulled
            if since is not None:
                begin = max(begin, bisect_right(self._sequences, since))
            places = self._unpulled_from(begin, min(limit, PULL_CAP))
            records = [self._encoded(place) for place in places]
            highest = self._sequences[places[-1]] if places else 0
            if confirm:
                self.confirm(len(places))
            return Pulled(records, highest)

    def confirm(self, count: int) -> None:
        """Mark the `count` oldest unpulled records by creation time, and log which those were."""
        with self._lock:
            marked = sorted(self._oldest(count))
            for place in marked:
                self._is_pulled[place] = 1
            self._pulled_count += len(marked)
            while self._first_unpulled < len(self._records) and self._is_pulled[self._first_unpulled]:
                self._first_unpulled += 1
            entry = {"count": count, "marked": self._ranges(marked), "at": time.time()}
            self.confirms.append(entry)
            self.on_confirm(entry)

    def delete_pulled(self) -> None:
        """Do what the collector does to pulled records after seven days."""
        with self._lock:
            kept = [place for place, pulled in enumerate(self._is_pulled) if not pulled]
            self._deleted += len(self._records) - len(kept)
            self._records = [self._records[place] for place in kept]
            self._sequences = array("q", (self._sequences[place] for place in kept))
            self._created = array("q", (self._created[place] for place in kept))
            self._is_pulled = bytearray(len(kept))
            self._first_unpulled = 0

    def stats(self) -> dict[str, object]:
        """The counters every answer carries."""
        with self._lock:
            total = len(self._records) + self._deleted
            return {
                "cached_records": total - self._pulled_count,
                "pulled_records": self._pulled_count - self._deleted,
                "total_generated": total,
                "total_pulled": self._pulled_count,
                "cache_full": False,
            }

    @property
    def global_highest(self) -> int:
        """The highest number of all remaining records, 0 when none remain."""
        return self._sequences[-1] if self._sequences else 0

    def unpulled(self) -> Ranges:
        """The numbers of the unpulled records, as inclusive ranges."""
        with self._lock:
            return self._ranges([place for place, pulled in enumerate(self._is_pulled) if not pulled])

    def _unpulled_from(self, begin: int, limit: int) -> Sequence[int]:
        end = begin + limit
        if not self._is_pulled.count(1, begin, end):
            return range(begin, min(end, len(self._records)))
        unpulled = (place for place in range(begin, len(self._records)) if not self._is_pulled[place])
        return list(islice(unpulled, limit))

    def _oldest(self, count: int) -> Sequence[int]:
        if self._is_in_order:
            return self._unpulled_from(self._first_unpulled, count)
        places = self._unpulled_from(self._first_unpulled, len(self._records))
        return sorted(places, key=self._created.__getitem__)[:count]

    def _encoded(self, place: int) -> bytes:
        record = self._records[place]
        if isinstance(record, Verbatim):
            return record
        number = self._sequences[place]
        return b'%b "seq_id": %d, "_cache_id": %d, "_seq_id": %d}' % (record, number, number, number)

    def _ranges(self, places: Sequence[int]) -> Ranges:
        ranges: Ranges = []
        previous = -2
        for place in places:
            number = self._sequences[place]
            if place == previous + 1:
                ranges[-1] = (ranges[-1][0], number)
            else:
                ranges.append((number, number))
            previous = place
        return ranges


class GeneratedSpool(Spool):
    """So many records that are made when they are pulled, each of an address of its own: a backlog that costs nothing.

    There are four botnet types, and as many addresses as 45.0.0.0/8 has.
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        self.add(repeat(b"{}", count))

    def _encoded(self, place: int) -> bytes:
        number, hour, second = self._sequences[place], place // 3600 % 24, place % 3600
        return (
            b'{"ip": "45.%d.%d.%d", "timestamp": "2025-03-01T%02d:%02d:%02d", "date": "2025-03-01", '
            b'"log_hour": "2025-03-01_%02d", "botnet_type": "%b", "log_type": "online", '
            b'"seq_id": %d, "_cache_id": %d, "_seq_id": %d}'
        ) % (
            place >> 16 & 255, place >> 8 & 255, place & 255, hour, second // 60, second % 60,
            hour, KINDS[place % len(KINDS)], number, number, number,
        )  # fmt: skip


def _unfinished(record: bytes) -> bytes:
    """An object without its end, where the numbers go; Verbatim where it is something else."""
    text = record.strip()
    if isinstance(record, Verbatim) or not (text.startswith(b"{") and text.endswith(b"}")):
        return Verbatim(record)
    return text[:-1] + b"," if text[1:-1].strip() else text[:-1]


def encoded(record: object) -> bytes:
    """A record as its collector would write it."""
    return json.dumps(record).encode()
