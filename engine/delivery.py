"""What travels: a page from a source, the batches made of it, and a batch on lease (a delivery)."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from attrs import field, frozen

from engine.sighting import Rejected, Sighting


class Cursor(NamedTuple):
    """How far a source has been read.

    `epoch` grows when the source was reset. `sequence` is the last record taken, 0 before the first.
    `fingerprint` is that record's, so that a source which was reset, and whose numbers passed ours again, shows.
    """

    epoch: int = 0
    sequence: int = 0
    fingerprint: int = 0


class Mark(NamedTuple):
    """One record at its source: number and fingerprint. Enough to tell whether it is the record we know."""

    sequence: int
    fingerprint: int


class RawRecord(Protocol):
    """A record as the source sent it: nothing about it can be trusted, not even its types."""

    @property
    def ip(self) -> object: ...
    @property
    def timestamp(self) -> object: ...
    @property
    def botnet_type(self) -> object: ...
    @property
    def log_type(self) -> object: ...
    @property
    def event_type(self) -> object: ...


class Unreadable(NamedTuple):
    """Stands in a page where a record is not even an object."""

    reason: str


@frozen
class Page:
    """What one `fetch` brought: untrusted records, and the cursor that is true once they are stored.

    `sequences` runs parallel to `records`; None where a record carries no usable number. `marks` are the records that
    do, ascending. `originals()` gives the bytes of every record, parallel to `records`; it is called only
    where a record is refused. `more` says that the source has further records now. `received_at` is UTC like `seen_at`.
    """

    source: str
    start: Cursor
    end: Cursor
    received_at: str
    records: Sequence[RawRecord | Unreadable] = ()
    sequences: Sequence[int | None] = ()
    marks: Sequence[Mark] = ()
    originals: Callable[[], Sequence[bytes]] = tuple
    more: bool = False


@frozen
class Batch:
    """Records of one page that are written together: sightings of one botnet type, and what was refused.

    `first` and `last` are the lowest and highest sequence number in it; `part` tells batches of one page apart.
    `digest` stands for its records; empty in one made before batches had it. `span` is set in a piece cut from a
    batch: from which to before which of its records.
    """

    source: str
    epoch: int
    first: int
    last: int
    part: int
    received_at: str
    botnet_type: str
    sightings: Sequence[Sighting] = ()
    rejected: Sequence[Rejected] = ()
    span: tuple[int, int] | None = None
    digest: str = ""

    @property
    def size(self) -> int:
        """How many records of the source this batch accounts for."""
        return len(self.sightings) + len(self.rejected)

    @property
    def name(self) -> str:
        """Its name in logs and in the ledger: the same records of the same page have the same name, others never.

        Also not after a source and the queue have both begun to count anew.
        """
        name = f"{self.source}:{self.epoch}:{self.first}-{self.last}:{self.part}"
        name = f"{name}:{self.digest}" if self.digest else name
        return f"{name}[{self.span[0]}:{self.span[1]}]" if self.span else name


@frozen
class Intake:
    """A page ready for the queue: batches, the cursor they start from and the one that holds once they are stored."""

    source: str
    start: Cursor
    end: Cursor
    batches: Sequence[Batch]
    marks: Sequence[Mark] = field(repr=False)


class Debt(NamedTuple):
    """What a source may forget: `owed` records from its front on are committed without a gap.

    `moved` is how many stored records lie before the front, since the front of the observation before.
    """

    owed: int
    moved: int


class Start(NamedTuple):
    """An entry of the start log. `pending` counts the recent ownerships whose last confirm may still be under way."""

    id: int
    pending: int


class Trial(NamedTuple):
    """Which record of a delivery, by its place in the batch, was last begun on its own, and how often."""

    record: int
    times: int


@frozen
class Delivery:
    """A batch on lease. `attempt` counts from 1; a released delivery is claimed again under the same number."""

    id: str
    attempt: int
    batch: Batch


class Written(NamedTuple):
    """What one `Sink.write` did. written + duplicates = sightings given; `dead` = dead letters newly stored."""

    written: int = 0
    duplicates: int = 0
    dead: int = 0

    def plus(self, other: "Written") -> "Written":
        """The sum of two."""
        return Written(self.written + other.written, self.duplicates + other.duplicates, self.dead + other.dead)
