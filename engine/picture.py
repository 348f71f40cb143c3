"""The picture of a running engine: what `/api/status` answers, field for field. Times are seconds, or UTC in ISO 8601.

`version` grows when a field changes its meaning or goes; fields may be added under the same version.
"""

from collections.abc import Mapping, Sequence

from attrs import field, frozen

from engine.stats import Snapshot

VERSION = 1


@frozen
class About:
    """Which engine this is, and what it uses of its machine.

    `lookup` names the look-up files in use and the built-in table, `lookup_age_seconds` is the age of the oldest file;
    `memory_bytes` is None where the system does not say.
    """

    version: str
    started_at: str
    uptime_seconds: float
    host: str
    pid: int
    queue: str
    database: str
    lookup: str
    lookup_age_seconds: float | None = None
    is_stopping: bool = False
    cpu_seconds: float = 0.0
    memory_bytes: int | None = None


@frozen
class Health:
    """Whether it gets on, and why not. `still_seconds`: since when records wait and none has moved."""

    ready: bool
    reason: str | None = None
    still_seconds: float = 0.0


@frozen
class Rate:
    """Records settled a second: over ten seconds, a minute, an hour; `history` in steps of ten seconds."""

    now: float = 0.0
    minute: float = 0.0
    hour: float = 0.0
    history: Sequence[tuple[int, float]] = ()


@frozen
class QueueView:
    """Batches not yet settled; None while the queue does not answer."""

    batches: int | None
    high_watermark: int
    low_watermark: int
    paused: bool = False


@frozen
class WorkerView:
    """One worker; `rate` of the last minute, `busy` shares of the last ten seconds, `seconds` in each state so far."""

    name: str
    state: str
    rate: float
    received: int
    busy: Mapping[str, float]
    seconds: Mapping[str, float]


@frozen
class CursorView:
    """How far a source was read."""

    epoch: int
    sequence: int


@frozen
class SourceView:
    """One source. `lag_records`: at most how many records it has behind the cursor; None where it does not tell.

    `lag_seconds`: age of the newest sighting taken; `busy`: share of fetching and storing.
    """

    name: str
    state: str
    cursor: CursorView | None
    lag_records: int | None
    lag_seconds: float | None
    debt: int | None
    last_page_at: str | None
    last_error: str | None
    busy: float
    fetched: int
    confirmed: int
    seconds: Mapping[str, float]


@frozen
class CacheView:
    """The look-up cache."""

    hits: int = 0
    misses: int = 0
    size: int = 0
    limit: int = 0
    hit_rate: float | None = None


@frozen
class Limit:
    """What limits throughput: `stage` and `case` say which, `setting` what would change it, `values` the numbers."""

    stage: str
    case: str
    sentence: str
    setting: str | None = None
    values: Mapping[str, int | str] = field(factory=dict)


@frozen
class SeenView:
    """A sighting written lately."""

    seen_at: str
    ip: str
    country: str | None
    network: str | None
    botnet_type: str
    cleanup: bool


@frozen
class TopView:
    """What was seen most in this run; one count an address and transaction, of types one a record."""

    countries: Sequence[tuple[str, int]] = ()
    networks: Sequence[tuple[str, int]] = ()
    types: Sequence[tuple[str, int]] = ()


@frozen
class LetterView:
    """A dead letter; `id` is a number in the database, and `queue:…` for a whole batch in the queue."""

    id: int | str
    reason: str
    source: str
    botnet_type: str | None
    at: str


@frozen
class LettersView:
    """The dead letters, the newest first: `count` of the database, `in_queue` of the queue; None until it was asked."""

    count: int | None = None
    newest: Sequence[LetterView] = ()
    in_queue: int | None = None


@frozen
class AuditView:
    """What was received since `since`, and what became of it, at the moment `at`.

    `audit` covers the last minutes of this run. `whole_audit` covers all that the queue has a receipt of and that was
    put before `at`, where it began; it is taken rarely.
    """

    received: int
    written: int
    duplicates: int
    rejected: int
    queued: int
    queued_batches: int
    missing: int
    balanced: bool
    since: str
    at: str


@frozen
class Picture:
    """All of it."""

    version: int = field(default=VERSION, kw_only=True)
    engine: About
    health: Health
    limit: Limit
    queue: QueueView
    totals: Snapshot = field(factory=Snapshot)
    rate: Rate = Rate()
    workers: Sequence[WorkerView] = ()
    sources: Sequence[SourceView] = ()
    cache: CacheView = CacheView()
    newest: Sequence[SeenView] = ()
    top: TopView = TopView()
    dead_letters: LettersView = LettersView()
    audit: AuditView | None = None
    whole_audit: AuditView | None = None
    cpu: float = 0.0
