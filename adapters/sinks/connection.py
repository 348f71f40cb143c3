"""One MySQL connection that a cancelled task gets rid of at once, whatever the server does.

PyMySQL blocks, so every call runs in a thread that is never abandoned. What wakes that thread when its task is
cancelled is `shutdown` on a duplicate of the socket's descriptor: it works from any thread, with and without TLS, and
against a frozen server. `close` from another thread would wait for the reading thread, and freeze the event loop.
"""

import contextlib
import os
import select
import socket
from collections.abc import Callable, Sequence
from typing import TypeVar

import pymysql
import trio
from pymysql.constants import CLIENT, CR

from adapters.sinks.mysql_errors import Trouble, classify, translate
from adapters.sinks.mysql_url import MysqlUrl
from adapters.sinks.wire import LARGEST_STATEMENT, Wire, error_code, sound
from engine.errors import EngineError

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
CLOSE_SECONDS = 1.0
PATIENCE = 10
"""How many times longer all of a transaction may take than any one piece of an answer: a server may drip."""
_SESSION = (
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION time_zone = '+00:00', innodb_lock_wait_timeout = 5",
    # An engine that is frozen, or whose host is gone, in the middle of a transaction must not hold the locks on its
    # addresses for the eight hours that the server would wait for a statement (the comments, for MariaDB and for MySQL)
    # or the minute for the rows that it has asked for: it reads twice.
    "SET SESSION net_read_timeout = 5, net_write_timeout = 5",
    "SET SESSION lock_wait_timeout = 20 /*M!100300 , idle_transaction_timeout = 5 */ /*!80000 , wait_timeout = 600 */",
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,NO_ENGINE_SUBSTITUTION'",
)
_HARMLESS = {Trouble.TRANSIENT, Trouble.BAD_ROW, Trouble.TOO_BIG}
T = TypeVar("T")


class Session:
    """The connection of one task: opened when needed, discarded when it is no good any more.

    `preparation` is run on every new connection. Calls of `run` must not overlap.
    """

    def __init__(
        self,
        url: MysqlUrl,
        *,
        local_infile: bool = True,
        preparation: Sequence[str] = (),
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self.url = url
        self._answer_seconds = answer_seconds
        self._local_infile = local_infile
        self._preparation = preparation
        self._limiter = trio.CapacityLimiter(1)
        self._wire: Wire | None = None
        self._handle: socket.socket | None = None
        self._was_cut = False

    def __repr__(self) -> str:
        return f"<Session {self.url} {'open' if self._wire else 'closed'}>"

    async def run(self, work: Callable[[Wire], T]) -> T:
        """Connect if need be, and run `work` in a thread. Raises `pymysql.err.Error`, `OSError`, `EngineError`.

        The connection survives errors that lie in the data or in the moment. After all others it is gone: a new one may
        reach another primary, and knows of new rights.
        """
        try:
            with trio.fail_after(PATIENCE * self._answer_seconds):
                if self._wire is None or self._was_closed_by_server():
                    await self._connect()
                wire = self._wire
                assert wire is not None
                return await self._watched(lambda: work(wire))
        except trio.TooSlowError:
            raise pymysql.err.OperationalError(CR.CR_SERVER_LOST, "its answers come too slowly to wait for") from None
        except (pymysql.err.Error, OSError) as error:
            if classify(error_code(error)) not in _HARMLESS or not self._is_open():
                self._discard()
            raise
        finally:
            if self._was_cut:
                self._discard()

    async def aclose(self) -> None:
        """Say good-bye to the server, for at most a second."""
        wire = self._wire
        if wire is not None:
            with trio.move_on_after(CLOSE_SECONDS, shield=True):
                await self._watched(wire.close)
        self._discard()

    def _is_open(self) -> bool:
        return self._wire is not None and self._wire.open

    def _was_closed_by_server(self) -> bool:
        """Whether the server said something since the last answer: that can only be good-bye, to an idle connection."""
        poll = select.poll()
        if self._handle is not None:
            poll.register(self._handle, select.POLLIN)
        return bool(poll.poll(0))

    async def _connect(self) -> None:
        self._discard()
        url = self.url
        raw = await self._dial()
        self._handle = socket.socket(fileno=os.dup(raw.fileno()))
        wire = Wire(
            host=url.host, port=url.port, user=url.user, database=url.database, defer_connect=True, charset="utf8mb4",
            read_timeout=self._answer_seconds, write_timeout=ANSWER_SECONDS, autocommit=False, ssl=url.tls,
            ssl_disabled=url.tls_disabled or None, client_flag=CLIENT.LOCAL_FILES if self._local_infile else 0,
        )  # fmt: skip
        # PyMySQL would encode a text as latin-1.
        wire.password = url.password.encode()
        try:
            await self._watched(lambda: self._greet(wire, raw))
        except BaseException:
            wire._force_close()  # noqa: SLF001 - the reader it made of `raw` would keep the descriptor open
            raw.close()
            raise
        self._wire = wire

    async def _dial(self) -> socket.socket:
        """Connect the socket in Trio, where it can be cancelled. Raises OSError."""
        try:
            with trio.fail_after(CONNECT_SECONDS):
                if self.url.unix_socket is not None:
                    stream = await trio.open_unix_socket(self.url.unix_socket)
                else:
                    stream = await trio.open_tcp_stream(self.url.host, self.url.port)
        except trio.TooSlowError:
            raise pymysql.err.OperationalError(CR.CR_CONN_HOST_ERROR, "connecting took too long") from None
        except OSError as error:
            raise pymysql.err.OperationalError(CR.CR_CONN_HOST_ERROR, f"no connection: {error}") from error
        raw = socket.socket(fileno=stream.socket.detach())
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return raw

    def _greet(self, wire: Wire, raw: socket.socket) -> None:
        with sound():
            wire.connect(sock=raw)
        for statement in (*_SESSION, *self._preparation):
            wire.execute(statement)
        wire.statement_limit = min(LARGEST_STATEMENT, wire.number("SELECT @@max_allowed_packet") // 2)
        wire.can_load = self._local_infile

    async def _watched(self, call: Callable[[], T]) -> T:
        """Run `call` in a thread; when this task is cancelled, cut its connection and wait for the thread."""
        results: list[T] = []
        failure: pymysql.err.Error | OSError | EngineError | None = None
        done = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._cut_when_cancelled, done)
            try:
                results.append(await trio.to_thread.run_sync(call, limiter=self._limiter))
            except (pymysql.err.Error, OSError, EngineError) as error:
                # A traceback out of a thread goes in a circle; its frames would hold all rows until they are collected.
                failure = error.with_traceback(None)
            finally:
                done.set()
        if failure is not None:
            # The error may be our own doing.
            await trio.lowlevel.checkpoint_if_cancelled()
            try:
                raise failure
            finally:
                del failure
        return results[0]

    async def _cut_when_cancelled(self, done: trio.Event) -> None:
        try:
            await done.wait()
        finally:
            if not done.is_set():
                self._cut()

    def _cut(self) -> None:
        """Wake whoever waits on the connection. Never blocks."""
        self._was_cut = True
        if self._handle is not None:
            with contextlib.suppress(OSError):
                self._handle.shutdown(socket.SHUT_RDWR)

    def _discard(self) -> None:
        """Drop the connection without a word; no thread uses it now, so closing it does not wait."""
        self._cut()
        if self._handle is not None:
            self._handle.close()
        if self._wire is not None:
            self._wire._force_close()  # noqa: SLF001 - `close` would write to the server first
        self._handle = self._wire = None
        self._was_cut = False


def translated(error: Exception, url: MysqlUrl) -> EngineError:
    """The engine's error for one of PyMySQL's or the system's, met at this server."""
    text = str(error.args[-1]) if error.args else ""
    return translate(error_code(error), text, url.database, str(url))
