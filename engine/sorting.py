"""The records of a page, sorted into sightings by botnet type and rejections. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain
from operator import lt

from attrs import define, field

from engine.acceptance import Reader, RefusedError, Rules, latest_of, reader
from engine.delivery import Page, RawRecord, Unreadable
from engine.ordinary import RUN_LIMIT, Ordinary, Run
from engine.sighting import Rejected, Sighting

Placed = tuple[int, Rejected]
"""A rejection, and the number that places it for the confirmer."""


def sort(page: Page, rules: Rules) -> "Sorting":
    """Every record of the page is in it exactly once."""
    now = datetime.fromisoformat(page.received_at).replace(tzinfo=UTC)
    start, end = page.start, page.end
    sorting = Sorting(page, reader(rules, now), start.sequence if start.epoch == end.epoch else 0)
    ordinary = Ordinary(rules, latest_of(now))
    for begin in range(0, len(page.records), RUN_LIMIT):
        records, numbers = page.records[begin : begin + RUN_LIMIT], page.sequences[begin : begin + RUN_LIMIT]
        ascending = _ascending(sorting.anchor, numbers)
        run = ordinary.read(records, ascending) if ascending else None
        if run is not None:
            sorting.take(run)
            continue
        for index, (record, number) in enumerate(zip(records, numbers, strict=True), begin):
            sorting.read(index, record, number)
    return sorting


def _ascending(anchor: int, numbers: Sequence[int | None]) -> Sequence[int]:
    """The numbers, if every one is above the one before, and the first above `anchor`; none otherwise."""
    known = [number for number in numbers if number is not None]
    return known if len(known) == len(numbers) and all(map(lt, chain((anchor,), known), known)) else ()


@define
class Sorting:
    """The records of a page so far.

    `anchor` is the last good number; `strays` is how many records follow it that have none.
    """

    page: Page
    reader: Reader
    anchor: int
    strays: int = 0
    accepted: dict[str, list[Sighting]] = field(factory=dict)
    rejected: list[Placed] = field(factory=list)
    _originals: Sequence[bytes] | None = None

    def take(self, run: Run) -> None:
        """Accept a run whose numbers ascend."""
        botnet_types, sightings = run
        self.anchor, self.strays = sightings[-1].sequence, 0
        if botnet_types.count(botnet_types[0]) == len(botnet_types):
            self.accepted.setdefault(botnet_types[0], []).extend(sightings)
            return
        for botnet_type, sighting in zip(botnet_types, sightings, strict=True):
            self.accepted.setdefault(botnet_type, []).append(sighting)

    def read(self, index: int, record: RawRecord | Unreadable, number: int | None) -> None:
        """Accept or reject one record."""
        if number is not None and number > self.anchor:
            self.anchor, self.strays = number, 0
        else:  # no number, or one that steps back: placed behind the last good one
            self.strays += 1
        try:
            botnet_type, sighting = self.reader(record, self.anchor)
        except RefusedError as refusal:
            self._originals = self.page.originals() if self._originals is None else self._originals
            position = f"{self.anchor}+{self.strays}" if self.strays else str(self.anchor)
            letter = Rejected(position, "fetch", str(refusal), self._originals[index])
            self.rejected.append((self.anchor, letter))
            return
        self.accepted.setdefault(botnet_type, []).append(sighting)
