"""Whether a Redis server can carry the queue, and whether it would keep it."""

from redis.exceptions import ResponseError

from adapters.queues.aio import RedisServer
from adapters.queues.redis_errors import is_about_rights
from adapters.queues.redis_keys import Keys
from adapters.queues.scripts import Script
from engine.errors import ConfigError, UnavailableError

OLDEST = (6, 2)

FORMAT = 2
"""The format of the queue's keys and batches. The first one had no number, and batches without a digest."""

_FORMAT_FOUND = Script("""
-- KEYS: format
return tonumber(redis.call('GET', KEYS[1]) or '1')
""")

Facts = dict[str, object]


async def _facts(server: RedisServer) -> Facts:
    """What the server says of itself; nothing where this user may not ask."""
    try:
        return await server.ask(Facts, "INFO")
    except UnavailableError as error:
        if is_about_rights(error.__cause__) and "info" in str(error).lower():
            return {}
        raise
    except ResponseError:
        return {}


async def check_server(server: RedisServer) -> None:
    """Raise ConfigError where the server is too old."""
    version = str((await _facts(server)).get("redis_version", "unknown"))
    if is_too_old(version):
        raise ConfigError(f"queue.url: this is Redis {version}: the queue needs 6.2 or later, upgrade the server")


async def format_of(server: RedisServer, keys: Keys) -> int:
    """The format of the queue as it is now."""
    return await server.run(int, _FORMAT_FOUND, [keys.format])


def is_too_old(version: str) -> bool:
    """Whether a server of this version lacks what the queue uses; one that does not tell is tried."""
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    return len(numbers) == len(OLDEST) and numbers < OLDEST


async def durability_warnings(server: RedisServer) -> list[str]:
    """What would lose the queue at a restart or under pressure, a line each, with what mends it."""
    facts = await _facts(server)
    if not facts:
        return ["Redis does not say whether it keeps the queue: grant this user +info to have it checked"]
    found = []
    if facts.get("aof_enabled") == 0:
        found.append(
            "Redis keeps no append-only file, a restart loses the queue: set `appendonly yes` in redis.conf, and now"
            " by `redis-cli CONFIG SET appendonly yes`"
        )
    policy = facts.get("maxmemory_policy")
    if facts.get("maxmemory") != 0 and policy != "noeviction":
        found.append(
            f"Redis may evict the queue when its memory is full ({policy}): set `maxmemory-policy noeviction` in"
            " redis.conf, and now by `redis-cli CONFIG SET maxmemory-policy noeviction`"
        )
    return found
