"""Which Redis client a URL asks for, made so that it never repeats a command by itself."""

from collections.abc import Mapping, Sequence
from typing import Protocol
from urllib.parse import unquote, urlsplit, urlunsplit

from attrs import frozen
from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster, Sentinel
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from engine.errors import ConfigError

REDIS_PORT, SENTINEL_PORT = 6379, 26379


class Client(Protocol):
    """What is used of a Redis client."""

    async def execute_command(self, *args: str | bytes | float) -> object:
        """Ask the server; the answer as the client parsed it."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


@frozen
class Limits:
    """How long a client waits, in seconds, and how many connections it opens."""

    connect_seconds: float = 3.0
    call_seconds: float = 5.0
    health_check_seconds: int = 15
    connections: int = 32

    def options(self) -> Mapping[str, object]:
        """For the client library.

        No retries: only our caller knows what may be asked twice. No socket timeout: every call has a deadline of ours,
        and with one the client sends through `asyncio.wait_for`, which before Python 3.12 may swallow a cancellation.
        """
        return {
            "retry": Retry(NoBackoff(), 0),
            "socket_timeout": None,
            "socket_connect_timeout": self.connect_seconds,
            "health_check_interval": self.health_check_seconds,
            "protocol": 2,
        }


@frozen
class _Watched:
    """The client of a master, and those of the sentinels that know it."""

    master: Client
    sentinels: Sequence[Client]

    async def execute_command(self, *args: str | bytes | float) -> object:
        return await self.master.execute_command(*args)

    async def aclose(self) -> None:
        for client in (self.master, *self.sentinels):
            await client.aclose()


def make_client(url: str, limits: Limits) -> Client:
    """Make the client of a URL; nothing is sent yet. Raises ConfigError where the URL cannot be one."""
    scheme, _, rest = url.partition("://")
    try:
        if scheme in ("redis+cluster", "rediss+cluster"):
            return _cluster(f"{scheme.removesuffix('+cluster')}://{rest}", limits)
        if scheme in ("redis+sentinel", "rediss+sentinel"):
            return _behind_sentinels(url, limits)
        pool = BlockingConnectionPool.from_url(
            url, max_connections=limits.connections, timeout=limits.call_seconds, **limits.options()
        )
        pool.connection_class(**pool.connection_kwargs)  # sends nothing; an option it does not know shows here
        return Redis.from_pool(pool)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"queue.url: {error}") from error


def _cluster(url: str, limits: Limits) -> Client:
    """`redis://user:password@host:port,host:port`: any of these nodes knows the others."""
    parts = urlsplit(url)
    login, at, hosts = parts.netloc.rpartition("@")
    first, *others = hosts.split(",")
    nodes = [ClusterNode(*_address(host, REDIS_PORT)) for host in others]
    one = urlunsplit(parts._replace(netloc=f"{login}{at}{first}"))
    return RedisCluster.from_url(one, startup_nodes=nodes, max_connections=limits.connections, **limits.options())


def _behind_sentinels(url: str, limits: Limits) -> Client:
    """`redis+sentinel://user:password@host:port,host:port/service/db`; the user is that of the Redis behind them."""
    parts = urlsplit(url)
    login, _, hosts = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    service, _, db = parts.path.strip("/").partition("/")
    if not service or not hosts:
        raise ConfigError(
            "queue.url: name the sentinels and their service: redis+sentinel://HOST:PORT,HOST:PORT/SERVICE"
        )
    sentinels = [_address(host, SENTINEL_PORT) for host in hosts.split(",")]
    common = {**limits.options(), **({"ssl": True} if parts.scheme == "rediss+sentinel" else {})}
    options = common | {"username": unquote(user) or None, "password": unquote(password) or None}
    options |= {"db": int(db or 0), "max_connections": limits.connections}
    watchers = Sentinel(sentinels, sentinel_kwargs=common, **options)  # type: ignore[no-untyped-call]
    return _Watched(watchers.master_for(service), watchers.sentinels)


def _address(host: str, port: int) -> tuple[str, int]:
    parts = urlsplit(f"//{host}")
    return parts.hostname or "127.0.0.1", parts.port or port
