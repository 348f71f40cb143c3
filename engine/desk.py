"""What a running engine says of itself when asked, and the one thing it can be asked to do."""

import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from time import process_time, time
from urllib.parse import urlsplit

import trio
from attrs import define, field

from engine.assembly import Connections, Feed
from engine.drawing import Drawing
from engine.errors import UnavailableError
from engine.logs import Cleaner
from engine.moments import iso
from engine.picture import About, Health, LettersView, Limit, Picture, QueueView
from engine.pipeline import Pipeline
from engine.pulse import Pulse
from engine.rates import History
from engine.readiness import Readiness
from engine.rounds import Rounds
from engine.second_chance import SecondChance
from engine.settings import Settings
from engine.stats import Stats
from engine.status import Retried

STARTING = Limit("none", "starting", "The engine waits for its servers.")
NOT_STARTED = "waiting for the servers: queue, database and look-up are not open yet"
NOT_OPEN = "not open yet"
FRESH_SECONDS = 0.5
"""A picture younger than that is given again, however many ask."""
RETRY_SECONDS = 20.0
MEMORY = Path("/proc/self/statm")


@define(eq=False)
class Desk:
    """Answers for one run, also while its servers are still away. See `engine.status.Status`.

    `began_at` is when the run began, in seconds since 1970.
    """

    settings: Settings
    stats: Stats
    stop: trio.Event
    began_at: float
    _readiness: Readiness = field(init=False)
    _history: History = field(factory=History)
    _drawing: Drawing | None = None
    _rounds: Rounds | None = None
    _connections: Connections | None = None
    _feed: Feed | None = None
    _picture: Picture | None = None
    _drawn_at: float = float("-inf")
    _version: str = ""
    _clean: Cleaner = field(factory=lambda: Cleaner.of(()))

    def __attrs_post_init__(self) -> None:
        self._readiness = Readiness(self.settings.status.stall_seconds)

    async def attend(self, settings: Settings, pipeline: Pipeline, connections: Connections, feed: Feed) -> None:
        """Watch a pipeline that runs with these settings for ever."""
        self.settings = settings
        self._clean = Cleaner.of(self.settings.secrets())
        pulse = Pulse(pipeline, self.stats, self._readiness, self._history)
        self._drawing = Drawing(self.settings, pipeline, pulse, self.stats, self._clean.text)
        self._connections, self._feed = connections, feed
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pulse.run)
            if connections.archive is not None:
                self._rounds = Rounds(
                    connections.archive, self.settings.acceptance.dead_letter_limit, self._clean.text, self.began_at
                )
                nursery.start_soon(self._rounds.run)

    def problem(self) -> str | None:
        """Why the engine is not ready; None where it is."""
        return NOT_STARTED if self._drawing is None else self._readiness.problem(trio.current_time())

    def records_by_type(self) -> Mapping[str, int]:
        """Records taken by the database, by botnet type."""
        return self.stats.types

    def picture(self) -> Picture:
        """The engine now, or half a second ago."""
        now = trio.current_time()
        if self._picture is None or now - self._drawn_at >= FRESH_SECONDS:
            self._picture, self._drawn_at = self._draw(), now
        return self._picture

    def _draw(self) -> Picture:
        queue = self.settings.queue
        problem = self.problem()
        about, totals = self._about(), self.stats.snapshot()
        health = Health(problem is None, problem, self._readiness.still_seconds(trio.current_time()))
        drawing = self._drawing
        if drawing is None:
            return Picture(about, health, STARTING, QueueView(None, queue.high_watermark, queue.low_watermark), totals)
        return Picture(
            engine=about,
            health=health,
            limit=drawing.limit(),
            queue=drawing.queue(),
            totals=totals,
            rate=drawing.rate(),
            workers=list(drawing.workers()),
            sources=list(drawing.sources()),
            cache=drawing.cache(),
            newest=list(drawing.newest()),
            top=drawing.top(),
            dead_letters=self._rounds.letters if self._rounds else LettersView(),
            audit=self._rounds.auditing.lately if self._rounds else None,
            whole_audit=self._rounds.auditing.whole if self._rounds else None,
            cpu=drawing.pulse.cpu,
        )

    def _about(self) -> About:
        began = datetime.fromtimestamp(self.began_at, UTC).isoformat(" ")
        return About(
            version=self._installed_version(),
            started_at=iso(began),
            uptime_seconds=max(0.0, round(time() - self.began_at, 1)),
            host=socket.gethostname(),
            pid=os.getpid(),
            queue=_kind(self.settings.queue.url),
            database=_kind(self.settings.database.url),
            lookup=NOT_OPEN if self._feed is None else " + ".join(self._feed.lookup.uses) or "none",
            lookup_age_seconds=None if self._feed is None else age_of(self._feed.lookup.built_at),
            is_stopping=self.stop.is_set(),
            cpu_seconds=round(process_time(), 3),
            memory_bytes=resident_bytes(MEMORY),
        )

    def _installed_version(self) -> str:
        from importlib.metadata import version  # noqa: PLC0415 - takes long, and nobody may ask

        self._version = self._version or version("botnet-engine")
        return self._version

    async def retry(self, letter: int | str) -> Retried | None:
        """Try a dead letter again, as `dead-letters retry` does; None where there is none of this id.

        Raises UnavailableError, also when a server takes too long.
        """
        archive = self._connections.archive if self._connections is not None else None
        if self._feed is None or archive is None or self._rounds is None or self._connections is None:
            raise UnavailableError(NOT_STARTED)
        chance = SecondChance(self.settings, archive, self._connections.open_sink, self._feed)
        with trio.move_on_after(RETRY_SECONDS):
            retried = await chance.give(letter)
            self._rounds.letters_changed()
            return retried and retried._replace(reason=self._clean.text(retried.reason))
        raise UnavailableError("a server takes too long; whether it was written, the next look at it says")


def age_of(built_at: float | None) -> float | None:
    """How many seconds ago look-up data of that moment was made; None where it is not dated."""
    return None if built_at is None else max(0.0, round(time() - built_at, 1))


def resident_bytes(statm: Path) -> int | None:
    """Memory of the process, as Linux says it; None where nobody says it."""
    try:
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None


def _kind(url: str) -> str:
    scheme = urlsplit(url).scheme
    return "redis" if scheme.startswith(("redis", "rediss", "unix")) else scheme
