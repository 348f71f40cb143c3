"""How far a collector's records reach, from what its answers say anyway. Pure."""

from attrs import define

from adapters.sources.collector_json import Told


@define
class Newest:
    """The `number` of the collector's newest record, or one that is too high; None until an answer tells.

    Numbers have gaps, and what is not confirmed may have been fetched before: each alone counts too many records, so
    that the lower one is taken. A page that is not full ends with the newest record.
    """

    number: int | None = None
    _told: int | None = None

    def page(self, told: Told, end: int, records: int, *, more: bool) -> None:
        """Note a page of so many records that ends with this number."""
        if not more:
            known = [end]
        else:
            unconfirmed = None if told.unconfirmed is None else end + told.unconfirmed - records
            known = [number for number in (told.newest, unconfirmed) if number is not None]
        self.number = max(end, min(known)) if known else None
        self._told = None if told.newest is None else max(end, told.newest)

    def probe(self, told: Told) -> None:
        """Note another answer: what it says to have come since then is added."""
        if told.newest is None:
            return
        if self.number is None or self._told is None:
            self.number = self._told = max(told.newest, self.number or 0)
        elif told.newest > self._told:
            self.number, self._told = self.number + told.newest - self._told, told.newest
