"""The named points at which the kill matrix strikes, and how they get into a real engine.

Methods of the real classes are wrapped, in the real process, before the engine starts: the engine itself has no line
for it. `x.before` is before the call, `x.after` when its answer is there, and `x.sent` when the other side has carried
it out and the answer can still be lost.
"""

import inspect
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from functools import partial, partialmethod, wraps
from types import ModuleType

import pymysql
from pymysql.constants import CR
from redis.exceptions import ConnectionError as RedisConnectionError

from adapters.queues import redis, scripts
from adapters.queues.aio import RedisServer
from adapters.queues.redis import RedisQueue
from adapters.queues.redis_client import Limits
from adapters.queues.scripts import Script
from adapters.sinks import connection, mysql_catalog, mysql_writer
from adapters.sinks.connection import Session
from adapters.sinks.mysql import MysqlDatabase, MysqlSink
from adapters.sinks.mysql_writer import TableWriter
from adapters.sinks.wire import Wire
from adapters.sources.collector import CollectorSource
from engine import assembly, confirmer, ownership
from engine.delivery import Batch, Written
from engine.enrichment import Enrichment
from engine.errors import RejectedError
from engine.leasing import Leasing
from tests.faults.control import LOSE, REFUSE, Asking

SCRIPTS = {
    "put": scripts.PUT,
    "claim": scripts.CLAIM,
    "renew": scripts.RENEW,
    "ack": scripts.ACK,
    "nack": scripts.NACK,
    "release": scripts.RELEASE,
    "debt": scripts.DEBT,
    "acquire": scripts.ACQUIRE,
    "resign": scripts.RESIGN,
    "reconcile": scripts.RECONCILE,
    "join": scripts.JOIN,
}

METHODS: Sequence[tuple[type | ModuleType, str, str]] = [
    (CollectorSource, "fetch", "fetch"),
    (CollectorSource, "front", "front"),
    (CollectorSource, "confirm", "confirm"),
    (RedisQueue, "acquire", "acquire"),
    (RedisQueue, "resign", "resign"),
    (RedisQueue, "cursor", "cursor"),
    (RedisQueue, "put", "put"),
    (RedisQueue, "claim", "claim"),
    (RedisQueue, "renew", "renew"),
    (RedisQueue, "ack", "ack"),
    (RedisQueue, "nack", "nack"),
    (RedisQueue, "release", "release"),
    (RedisQueue, "debt", "debt"),
    (RedisQueue, "depth", "depth"),
    (MysqlDatabase, "record_start", "record_start"),
    (MysqlDatabase, "record_end", "record_end"),
    (mysql_catalog, "botnet_types", "tables"),
    (TableWriter, "_write_sightings", "rows"),
    (Wire, "_hand_over", "load"),
    (mysql_writer, "_write_dead_letters", "dead_letters"),
    (Enrichment, "facts", "lookup"),
    (Leasing, "release_all", "soft_stop"),
]
"""Owner, method, and what its points are called."""


def install(asking: Asking) -> None:
    """Put the points into the classes of this process."""
    for owner, method, name in METHODS:
        setattr(owner, method, _around(getattr(owner, method), name, asking))
    special = [
        (RedisServer, "_send", _sending(RedisServer._send, asking)),
        (Wire, "commit", _committing(Wire.commit, asking)),
        (MysqlSink, "write", _writing(MysqlSink.write, asking)),
    ]
    for owner, method, wrapped in special:
        setattr(owner, method, wrapped)


def hasten(seconds: float) -> None:
    """Let the ownership of a source run out after so many seconds instead of thirty, its other times in proportion.

    Leases of deliveries are renewed so often that a run of a second does it, too.
    """
    assembly.RENEWALS_PER_LEASE = 40
    times = {"LEASE_SECONDS": 1.0, "RENEW_SECONDS": 0.2, "STANDBY_SECONDS": 0.05, "CONFIRM_SECONDS": 0.33}
    for module in (ownership, confirmer):
        for name in times.keys() & vars(module).keys():
            setattr(module, name, seconds * times[name])


def hurry(seconds: float) -> None:
    """Give up on an answer of Redis or MySQL after so many seconds, where nothing else is asked for."""
    limits = partial(Limits, connect_seconds=seconds, call_seconds=seconds)
    patched: list[tuple[object, str, object]] = [
        (redis, "Limits", limits),
        (connection, "ANSWER_SECONDS", seconds),
        (Session, "__init__", partialmethod(Session.__init__, answer_seconds=seconds)),
    ]
    for owner, name, value in patched:
        setattr(owner, name, value)


def poison(ip: str) -> None:
    """Die of -9 whenever a sighting of this address is about to be written."""
    write: Write = MysqlSink.write

    async def wrapped(sink: MysqlSink, batches: Sequence[Batch], *args: object) -> Sequence[Written]:
        if any(sighting.ip == ip for batch in batches for sighting in batch.sightings):
            os.kill(os.getpid(), signal.SIGKILL)
        return await write(sink, batches, *args)

    setattr(MysqlSink, "write", wrapped)  # noqa: B010 - a type checker would rather not see it


def _around(method: Callable[..., object], name: str, asking: Asking) -> Callable[..., object]:
    if not inspect.iscoroutinefunction(method):

        @wraps(method)
        def call(*args: object, **options: object) -> object:
            asking.reach(f"{name}.before")
            answer = method(*args, **options)
            asking.reach(f"{name}.after")
            return answer

        return call

    @wraps(method)
    async def call_async(*args: object, **options: object) -> object:
        asking.reach(f"{name}.before")
        answer = await method(*args, **options)
        if answer or name != "claim":  # a claim that found nothing is no event
            asking.reach(f"{name}.after")
        return answer

    return call_async


Send = Callable[[RedisServer, Sequence[str | bytes | int], Script | None], Awaitable[object]]


def _sending(send: Send, asking: Asking) -> Send:
    names = {script: name for name, script in SCRIPTS.items()}

    async def wrapped(server: RedisServer, command: Sequence[str | bytes | int], script: Script | None) -> object:
        answer = await send(server, command, script)
        if script in names and asking.reach(f"{names[script]}.sent") == LOSE:
            raise RedisConnectionError("the answer was lost")
        return answer

    return wrapped


def _committing(commit: Callable[[Wire], None], asking: Asking) -> Callable[[Wire], None]:
    def wrapped(wire: Wire) -> None:
        asking.reach("commit.before")
        commit(wire)
        if asking.reach("commit.sent") == LOSE:
            raise pymysql.err.OperationalError(CR.CR_SERVER_LOST, "the answer was lost")

    return wrapped


Write = Callable[..., Awaitable[Sequence[Written]]]


def _writing(write: Write, asking: Asking) -> Write:
    """A batch that is to be refused is refused among others, and once more alone: only then is it given back."""
    refused: set[str] = set()

    async def wrapped(sink: MysqlSink, batches: Sequence[Batch], *args: object) -> Sequence[Written]:
        if asking.reach("write.before") == REFUSE:
            refused.add(batches[0].name)
        if doomed := refused & {batch.name for batch in batches}:
            if len(batches) == 1:
                refused.difference_update(doomed)
            raise RejectedError("refused by the test", certain=False)
        written = await write(sink, batches, *args)
        asking.reach("write.after")
        return written

    return wrapped
