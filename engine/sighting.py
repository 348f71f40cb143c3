"""What was seen, what enrichers add to it, and what could not be read.

These are tuples, not classes with behaviour: two hundred thousand of them pass every second, and a tuple is the
cheapest immutable value Python has, to make and to carry through the queue.
"""

from typing import NamedTuple


class Sighting(NamedTuple):
    """One infected address that called home once, or (`cleanup`) was reported clean.

    `ip` is canonical (IPv4-mapped addresses are IPv4). `seen_at` is UTC to the second in the form
    `YYYY-MM-DD HH:MM:SS`, which sorts as time and which every database reads. `sequence` is the record's position at
    its source.
    """

    ip: str
    seen_at: str
    sequence: int
    cleanup: bool = False
    event_type: str | None = None


class Facts(NamedTuple):
    """What a look-up knows of one address. What it does not know is None, never an invented "unknown".

    `country` is the English short name, `country_code` is ISO 3166-1 alpha-2, `asn` is the number without "AS".
    """

    country_code: str | None = None
    country: str | None = None
    province: str | None = None
    city: str | None = None
    continent: str | None = None
    isp: str | None = None
    asn: int | None = None
    latitude: float | None = None
    longitude: float | None = None

    @property
    def is_china(self) -> bool | None:
        """Whether the address is in China, by its code; None where the country is not known."""
        return None if self.country_code is None else self.country_code == "CN"


class Rejected(NamedTuple):
    """One record that did not become a sighting, with its original bytes: a dead letter in the making.

    `position` is unique within its source and epoch: the sequence number, or `N+K` for the K-th record without a
    number after number N. `stage` is where it was refused: `fetch` or `write`.
    """

    position: str
    stage: str
    reason: str
    original: bytes
    attempts: int = 1
