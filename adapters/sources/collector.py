"""The collector: a source that is pulled over HTTP, page by page, and told to forget what is committed.

Every pull after the first begins with a sentinel, the record the cursor stands on. It shows that the collector's
numbers still mean what they meant; where it is missing, everything there is is read again, under a new epoch.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import msgspec
import structlog
import trio
from attrs import Factory, define, field

from adapters.sources.collector_brackets import AnswerError, NoEndError
from adapters.sources.collector_http import CollectorOptions, Endpoint, TooMuchError, open_endpoint
from adapters.sources.collector_json import Rows, read_carefully, read_whole
from adapters.sources.collector_newest import Newest
from adapters.sources.collector_numbers import numbering
from engine.delivery import Cursor, Mark, Page
from engine.errors import UnavailableError

__all__ = ["CollectorOptions", "CollectorSource", "open_source"]

# The collector gives 5000 records at most, one of them the sentinel.
PAGE_LIMIT = 4999
GROW_AFTER = 4
GLITCHES = 3


@asynccontextmanager
async def open_source(options: CollectorOptions) -> AsyncIterator["CollectorSource"]:
    """Open a source on a collector; nothing is sent yet. Raises ConfigError."""
    async with open_endpoint(options) as endpoint:
        yield CollectorSource(endpoint, PageSize(min(options.pull_limit, PAGE_LIMIT)))


@define
class PageSize:
    """How many records to ask for: halved when an answer was too much, doubled again after some that were not."""

    limit: int
    current: int = field(default=Factory(lambda self: self.limit, takes_self=True))
    _successes: int = 0

    def shrink(self) -> None:
        """Ask for half as many from now on."""
        self.current, self._successes = max(1, self.current // 2), 0

    def succeeded(self) -> None:
        """Note an answer that came in whole."""
        if self.current < self.limit:
            self._successes += 1
            if self._successes >= GROW_AFTER:
                self.current, self._successes = min(self.limit, self.current * 2), 0


@define(eq=False)
class CollectorSource:
    """One collector as a `Source`, for one fetcher and one confirmer.

    A record without a usable number is brought again until a numbered one follows it: a page of nothing else moves no
    cursor, which a warning says. Where such a record is the oldest, `front` is None, and nothing is confirmed.
    """

    endpoint: Endpoint = field(repr=False)
    size: PageSize
    _newest: Newest = field(factory=Newest)
    _glitches: dict[Mark, int] = field(factory=dict, repr=False)
    _standstill: Cursor | None = None
    _log: structlog.stdlib.BoundLogger = field(factory=structlog.get_logger, repr=False)

    @property
    def name(self) -> str:
        """The source's name in the settings."""
        return self.endpoint.options.name

    @property
    def newest(self) -> int | None:
        """The number of the newest record, as far as the answers tell."""
        return self._newest.number

    async def fetch(self, cursor: Cursor) -> Page:
        """Bring the page after `cursor`; after a reset, everything there is, under the next epoch."""
        if cursor.sequence == 0:
            return await self._fetch_from_start(cursor, cursor)
        asked = self.size.current + 1
        rows = await self._pull_page(asked, cursor.sequence - 1)
        if rows.first == _mark_of(cursor):
            return self._page(cursor, cursor, rows.without_first(), more=len(rows.records) >= asked)
        return await self._fetch_after_reset(cursor)

    async def front(self) -> Mark | None:
        """The oldest record the collector still hands out; None also where it has no number."""
        rows = await self._pull(1, None)
        self._newest.probe(rows.told)
        return rows.first

    async def confirm(self, count: int) -> bool:
        """Tell the collector to forget its `count` oldest records, in exactly one request."""
        body = await self.endpoint.confirm(count)
        if body is None:
            return False
        try:
            answer: object = msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError, ValueError):
            return False
        return isinstance(answer, dict) and answer.get("success") is True

    async def _fetch_from_start(self, cursor: Cursor, base: Cursor) -> Page:
        asked = self.size.current
        rows = await self._pull_page(asked, None)
        return self._page(cursor, base, rows, more=len(rows.records) >= asked)

    async def _fetch_after_reset(self, cursor: Cursor) -> Page:
        """Read everything again, unless the sentinel turns up after all: an empty answer may be an error in there."""
        sentinel = _mark_of(cursor)
        page = await self._fetch_from_start(cursor, Cursor(cursor.epoch + 1))
        if sentinel in page.marks:
            glitches = self._glitches[sentinel] = self._glitches.get(sentinel, 0) + 1
            if glitches < GLITCHES:
                raise self._glitch(cursor)
            # It is there, and never found under its number: the number is wrong, and no cursor may stand on it.
            page = await self._fetch_from_start(cursor, Cursor(cursor.epoch + 1))
        elif (await self._pull(1, cursor.sequence - 1)).first == sentinel:
            raise self._glitch(cursor)
        self._log.warning(
            "collector was reset, or somebody else confirmed its records: reading all it has again",
            source=self.name,
            seq=cursor.sequence,
            epoch=page.end.epoch,
        )
        return page

    def _glitch(self, cursor: Cursor) -> UnavailableError:
        return UnavailableError(self.endpoint.says(f"left out record {cursor.sequence}, which it has; asking again"))

    async def _pull_page(self, limit: int, since: int | None) -> Rows:
        try:
            rows = await self._pull(limit, since)
        except TooMuchError as error:
            self.size.shrink()
            raise UnavailableError(f"{error}; asking for {self.size.current} records next") from None
        self.size.succeeded()
        return rows

    async def _pull(self, limit: int, since: int | None) -> Rows:
        body = await self.endpoint.pull(limit, since)
        try:
            rows = read_whole(body)
            if rows is None:  # may take seconds when somebody means us harm
                rows = await trio.to_thread.run_sync(read_carefully, body, abandon_on_cancel=True)
        except AnswerError as error:
            # From a thread it comes in a circle with frames that hold the answer, and garbage is collected rarely.
            error.__traceback__ = None
            if isinstance(error, NoEndError):  # what cuts long answers off may let shorter ones pass
                raise TooMuchError(self.endpoint.says(str(error))) from None
            raise UnavailableError(self.endpoint.says(f"{error}; is url right, and the collector well?")) from None
        return rows

    def _page(self, start: Cursor, base: Cursor, rows: Rows, *, more: bool) -> Page:
        numbers = rows.numbers
        wrong = {mark for mark, glitches in self._glitches.items() if glitches >= GLITCHES}
        if wrong:
            pairs = zip(numbers, rows.fingerprints, strict=True)
            numbers = [None if pair in wrong else pair[0] for pair in pairs]
        found = numbering(numbers, rows.fingerprints, base)
        self._newest.page(rows.told, found.end.sequence, len(numbers), more=more)
        self._tell_of_standstill(base, is_standstill=bool(numbers) and not found.marks)
        return Page(
            source=self.name,
            start=start,
            end=found.end,
            received_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"),
            records=rows.records,
            sequences=found.sequences,
            marks=found.marks,
            originals=rows.originals,
            more=more,
        )

    def _tell_of_standstill(self, base: Cursor, *, is_standstill: bool) -> None:
        """Say once that no number leads on from here."""
        if is_standstill and self._standstill != base:
            self._log.warning(
                "no record of this page has a usable number: it is read again and again, and nothing behind it",
                source=self.name,
                seq=base.sequence,
            )
        self._standstill = base if is_standstill else None


def _mark_of(cursor: Cursor) -> Mark:
    return Mark(cursor.sequence, cursor.fingerprint)
