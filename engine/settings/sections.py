"""Every setting: its type, default, environment name, what it may hold, and one line of documentation each."""

from datetime import UTC, tzinfo
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from attrs import field, frozen

from engine.settings import allowed
from engine.settings.lookup_sections import GeoSettings, LookupSettings
from engine.settings.secret import Secret, passwords_in
from engine.settings.setting import SETTING, Instant, Setting, setting, url_setting

DAY: Final = 86_400
MANY: Final = 1_000_000_000

_SWITCH = allowed.anything("true or false")
_FILE = allowed.anything("a file name")


@frozen
class EngineSettings:
    """`[engine]`: the process as a whole."""

    name: str | None = setting(
        default=None,
        doc="Name among the engines of one queue, under which it resumes what it held. Unset: a new one each start",
        rule=allowed.name(),
        example="engine-1",
    )
    shutdown_grace_seconds: float = setting(
        default=10.0,
        doc="How long a soft stop (Ctrl+C, SIGTERM) may take to finish what is in hand",
        rule=allowed.seconds(DAY, least=1),
    )
    strict_durability: bool = setting(
        default=False,
        doc="Refuse to start on servers that would forget after a crash, instead of warning",
        rule=_SWITCH,
    )


@frozen
class WorkerSettings:
    """`[worker]`: how deliveries are worked off."""

    enabled: bool = setting(
        default=True,
        doc="Run workers in this process; false fetches only",
        rule=_SWITCH,
        former="INTERNAL_WORKER_ENABLED",
    )
    worker_count: int = setting(
        default=1,
        doc="How many workers; more than db_concurrent only with db_batch_size, or where look-ups wait",
        rule=allowed.whole(1, 1_000),
        former="INTERNAL_WORKER_COUNT",
    )
    enricher_concurrent: int = setting(
        default=20,
        doc="Look-ups in flight per worker, where a look-up has to wait",
        rule=allowed.whole(1, 10_000),
        former="WORKER_ENRICHER_CONCURRENT",
    )
    enricher_cache_size: int = setting(
        default=10_000,
        doc="How many addresses the look-up cache keeps",
        rule=allowed.whole(1, MANY),
        former="WORKER_ENRICHER_CACHE_SIZE",
    )
    enricher_cache_ttl: float = setting(
        default=86_400.0,
        doc="How many seconds a looked-up address stays cached",
        rule=allowed.seconds(365 * DAY),
        former="WORKER_ENRICHER_CACHE_TTL",
    )
    db_batch_size: int | None = setting(
        default=None,
        doc="At most so many records per transaction. Unset: what waits together, up to 5600",
        rule=allowed.whole(1, 1_000_000),
        former="WORKER_DB_BATCH_SIZE",
        example="100",
    )
    db_concurrent: int = setting(
        default=2,
        doc="Workers with work at once, unless db_batch_size is set or look-ups wait; a far database takes more",
        rule=allowed.whole(1, 1_000),
    )
    max_retries: int = setting(
        default=3,
        doc="Failed attempts after which a delivery is tried record by record; waiting for a server is no attempt",
        rule=allowed.whole(1, 1_000),
        former="WORKER_MAX_RETRIES",
    )
    retry_delay: float = setting(
        default=5.0,
        doc="Seconds before a failed delivery is tried again; at most queue.lease_seconds",
        rule=allowed.seconds(DAY),
        former="WORKER_RETRY_DELAY",
    )
    queue_timeout: float = setting(
        default=1.0,
        doc="Seconds one request for deliveries waits at an empty queue",
        rule=allowed.seconds(3_600),
        former="WORKER_QUEUE_TIMEOUT",
    )


@frozen
class QueueSettings:
    """`[queue]`: where batches wait between fetchers and workers."""

    url: str = url_setting(
        default="sqlite:///engine-queue.db",
        doc="Where batches wait: Redis, or a file beside the engine",
        rule=allowed.queue_url(),
        example="redis://127.0.0.1:6379/0",
    )
    enabled: bool = setting(
        default=True,
        doc="false: straight to the workers through memory, without durability, whatever url says",
        rule=_SWITCH,
        former="QUEUE_MODE_ENABLED",
    )
    name: str = setting(default="default", doc="Tells apart several queues of one server", rule=allowed.name())
    batch_size: int = setting(
        default=1_000,
        doc="Records per batch in the queue; batches that wait together share a transaction",
        rule=allowed.whole(1, 100_000),
    )
    high_watermark: int = setting(
        default=10_000, doc="Batches waiting at which fetchers pause", rule=allowed.whole(1, MANY)
    )
    low_watermark: int = setting(
        default=5_000, doc="Batches waiting at which fetchers go on; below high_watermark", rule=allowed.whole(0, MANY)
    )
    lease_seconds: float = setting(
        default=60.0,
        doc="After how long without a sign of life an engine's deliveries go to others",
        rule=allowed.seconds(DAY),
    )


@frozen
class DatabaseSettings:
    """`[database]`: where sightings end."""

    url: str = url_setting(
        default="sqlite:///engine.db",
        doc="Where sightings end: MySQL or MariaDB, or a file beside the engine",
        rule=allowed.database_url(),
        example="mysql://user:password@127.0.0.1:3306/botnet",
    )
    max_botnet_types: int = setting(
        default=200,
        doc="At most so many botnet types get tables; further ones are refused",
        rule=allowed.whole(1, 10_000),
    )
    local_infile: bool = setting(
        default=True, doc="Write by LOAD DATA LOCAL where the server allows it: the fastest way", rule=_SWITCH
    )


@frozen
class EnrichmentSettings:
    """`[enrichment]`: where facts about addresses come from."""

    mmdb: tuple[Path, ...] = setting(
        default=(),
        doc="Look-up files (.mmdb, .tsv), merged field by field: the first that knows a field wins",
        rule=allowed.anything("a list of file names"),
        example='["GeoLite2-City.mmdb", "GeoLite2-ASN.mmdb"]',
    )
    builtin: bool = setting(
        default=True, doc="Fill in the country from the built-in table where no file knows it", rule=_SWITCH
    )


@frozen
class AcceptanceSettings:
    """`[acceptance]`: which records become sightings; all others become dead letters with a reason."""

    allow_reserved: bool = setting(default=False, doc="Accept private, reserved and multicast addresses", rule=_SWITCH)
    earliest: Instant = setting(  # noqa: RUF009 -- it makes a field
        default=Instant("2000-01-01 00:00:00"), doc="Nothing was seen before this moment (UTC)", rule=allowed.past()
    )
    botnet_types: tuple[str, ...] = setting(
        default=(),
        doc="The only botnet types accepted; empty accepts every well-formed one",
        rule=allowed.botnet_types(),
        example='["ramnit", "mozi"]',
    )
    dead_letter_limit: int = setting(
        default=1_000_000,
        doc="Dead letters in the database at which nothing more is pulled, until some are settled",
        rule=allowed.whole(1, MANY),
    )


@frozen
class SourceSettings:
    """`[[source]]`: one collector."""

    name: str = field(
        metadata={
            SETTING: Setting(
                "Unique name; part of what is stored, so never change it", allowed.name(), example="sinkhole-1"
            )
        }
    )
    url: str = field(
        metadata={
            SETTING: Setting("Where the collector listens", allowed.source_url(), example="http://127.0.0.1:8888")
        }
    )
    api_key: Secret | None = field(
        default=None,
        metadata={SETTING: Setting("The collector's key", allowed.api_key(), is_secret=True, example="secret")},
    )
    timezone: str = setting(
        default="UTC", doc="Zone of the collector's clock, for timestamps without one", rule=allowed.timezone()
    )
    pull_interval_seconds: float = setting(
        default=10.0, doc="Pause after a pull that brought nothing new", rule=allowed.seconds(DAY)
    )
    pull_limit: int = setting(
        default=5_000, doc="Records per pull; collectors give at most 5000", rule=allowed.whole(1, 5_000)
    )
    timeout_seconds: float = setting(
        default=30.0, doc="How long one request may take in all", rule=allowed.seconds(3_600)
    )
    confirm_quarantine_seconds: float = setting(
        default=3_600.0,
        doc="How long a confirm without an answer may still arrive; until then as many records are held back",
        rule=allowed.seconds(7 * DAY, least=0),
    )
    verify_tls: bool = setting(default=True, doc="Check the collector's certificate", rule=_SWITCH)
    ca_file: Path | None = setting(  # noqa: RUF009 -- it makes a field
        default=None,
        doc="Certificates to trust instead of the public ones (PEM)",
        rule=_FILE,
        example="collector-ca.pem",
    )
    enabled: bool = setting(default=True, doc="false leaves this source out", rule=_SWITCH)

    @property
    def zone(self) -> tzinfo:
        """The zone itself."""
        return UTC if self.timezone == "UTC" else ZoneInfo(self.timezone)


@frozen
class StatusSettings:
    """`[status]`: the page on which a running engine shows what it does."""

    address: str = setting(
        default="127.0.0.1:8787",
        doc="Where a running engine serves its status page and /metrics; 0: nowhere. Beyond loopback only with a token",
        rule=allowed.address(),
    )
    token: Secret | None = field(
        default=None,
        metadata={
            SETTING: Setting(
                "What must be presented to retry a dead letter, and beyond loopback to see anything",
                allowed.api_key(),
                is_secret=True,
                example="a-long-random-text",
            )
        },
    )
    stall_seconds: float = setting(
        default=60.0,
        doc="/readyz says no when records wait and none has moved for so long",
        rule=allowed.seconds(DAY),
    )


@frozen
class LogSettings:
    """`[log]`: standard error, and a file."""

    level: str = setting(
        default="info", doc="The least that is logged", rule=allowed.one_of("debug", "info", "warning", "error")
    )
    format: str = setting(
        default="auto",
        doc="auto: readable, in colour on a terminal; console: readable, never in colour; json: one object a line",
        rule=allowed.one_of("auto", "console", "json"),
    )
    file: str = setting(
        default="logs/log_processor.log",
        doc="The log file; empty: none. Engines that share a folder need one each",
        rule=_FILE,
    )
    file_size_limit: int = setting(
        default=10_000_000, doc="Bytes after which the log file is rotated", rule=allowed.whole(1_000, MANY)
    )
    backup_count: int = setting(default=5, doc="How many rotated files are kept", rule=allowed.whole(1, 1_000))


@frozen
class Settings:
    """All settings of one engine, checked.

    `configured` names the settings that are not just defaults; `file` is the configuration file read, if any;
    `warnings` is what the user should know although it works.
    """

    engine: EngineSettings = EngineSettings()
    worker: WorkerSettings = WorkerSettings()
    queue: QueueSettings = QueueSettings()
    database: DatabaseSettings = DatabaseSettings()
    enrichment: EnrichmentSettings = EnrichmentSettings()
    lookup: LookupSettings = LookupSettings()  # noqa: RUF009 -- frozen
    geo: GeoSettings = GeoSettings()  # noqa: RUF009 -- frozen
    acceptance: AcceptanceSettings = AcceptanceSettings()
    status: StatusSettings = StatusSettings()
    log: LogSettings = LogSettings()
    sources: tuple[SourceSettings, ...] = ()
    configured: frozenset[str] = frozenset()
    file: Path | None = None
    warnings: tuple[str, ...] = ()

    @property
    def is_demo(self) -> bool:
        """Whether neither source, queue nor database is configured, so that the demo may run."""
        return not self.sources and not self.configured & {"queue.url", "queue.enabled", "database.url"}

    @property
    def enabled_sources(self) -> tuple[SourceSettings, ...]:
        """The sources to fetch from."""
        return tuple(source for source in self.sources if source.enabled)

    def secrets(self) -> frozenset[str]:
        """Every text that must not show up in a log or on a page."""
        keys = (self.geo.ipinfo_token, self.geo.maxmind_license_key, *(source.api_key for source in self.sources))
        texts = {key.reveal() for key in (*keys, self.status.token) if key is not None}
        return passwords_in(self.queue.url) | passwords_in(self.database.url) | texts


SECTIONS: Final = {
    "engine": EngineSettings,
    "worker": WorkerSettings,
    "queue": QueueSettings,
    "database": DatabaseSettings,
    "enrichment": EnrichmentSettings,
    "lookup": LookupSettings,
    "geo": GeoSettings,
    "acceptance": AcceptanceSettings,
    "status": StatusSettings,
    "log": LogSettings,
}
"""The tables of the configuration file, in its order; `[[source]]` comes beside them."""

PRESETS: Final = {
    "low": {"worker_count": 1, "enricher_concurrent": 10, "db_batch_size": 50},
    "medium": {"worker_count": 2, "enricher_concurrent": 20, "db_batch_size": 100},
    "high": {"worker_count": 4, "enricher_concurrent": 50, "db_batch_size": 500},
}
"""What a preset puts in the place of the defaults of `[worker]`."""
