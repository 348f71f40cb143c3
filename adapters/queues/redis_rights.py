"""Which rights the Redis user of the queue lacks: found out by asking for each command, of a key that is not there."""

import re
from collections.abc import AsyncIterator, Sequence
from urllib.parse import unquote, urlsplit

from redis.exceptions import AuthenticationError, RedisError

from adapters.queues.aio import Argument, RedisServer, open_server
from adapters.queues.redis_checks import check_server, durability_warnings
from adapters.queues.redis_client import Limits
from adapters.queues.redis_errors import is_about_rights, refusals_as_config_errors
from adapters.queues.redis_keys import Keys
from engine.errors import UnavailableError

_KEYS_WITHHELD = re.compile(r"permissions to access .*\bkeys?\b")
_NO_ID, _NO_SCRIPT = "0-1", "0" * 40


async def check(url: str, queue_name: str) -> tuple[Sequence[str], Sequence[str]]:
    """Reach the server of a queue: a line with the rights that are missing, and what would make it forget.

    Nothing is left there. Raises ConfigError where it is too old or the login is refused, UnavailableError.
    """
    async with open_server(url, Limits()) as server:
        with refusals_as_config_errors():
            lacking = list(dict.fromkeys([right async for right in _lacking(server, Keys(queue_name).probe)]))
            if lacking:
                name = unquote(urlsplit(url).username or "default")
                return [f"queue.url: the Redis user lacks a right: ACL SETUSER {name} {' '.join(lacking)}"], []
            await check_server(server)
        return [], await durability_warnings(server)


async def _lacking(server: RedisServer, key: str) -> AsyncIterator[str]:
    """The missing rights, in the words of ACL SETUSER."""
    for command in _commands(key):
        try:
            await server.ask(object, *command)
        except UnavailableError as error:
            if not is_about_rights(error.__cause__) or isinstance(error.__cause__, AuthenticationError):
                raise
            if _KEYS_WITHHELD.search(str(error.__cause__)):
                yield "~{botnet:*}*"
                return  # it would be said of every command
            yield f"+{str(command[0]).lower()}"
        except RedisError:
            if command == _commands(key)[0]:
                raise  # that is about the connection: there is nothing wrong with the question
            # there is no such group, or key: it may be asked


def _commands(key: str) -> Sequence[Sequence[Argument]]:
    """Every command that the queue uses, so that it finds nothing. Only the last two, in a row, write and remove."""
    return [
        ("PING",),
        ("EVAL", "return 1", 1, key),
        ("EVALSHA", _NO_SCRIPT, 1, key),
        ("GET", key),
        ("SET", key, "", "XX"),
        ("PEXPIRE", key, 1),
        ("HGET", key, ""),
        ("HMGET", key, ""),
        ("HKEYS", key),
        ("HDEL", key, ""),
        ("XADD", key, "NOMKSTREAM", "*", "a", "b"),
        ("XACK", key, "engines", _NO_ID),
        ("XDEL", key, _NO_ID),
        ("XLEN", key),
        ("XRANGE", key, "-", "+"),
        ("XREVRANGE", key, "+", "-"),
        ("XREAD", "STREAMS", key, "0"),
        ("XREADGROUP", "GROUP", "engines", "-", "STREAMS", key, ">"),
        ("XCLAIM", key, "engines", "-", 0, _NO_ID),
        ("XPENDING", key, "engines"),
        ("XGROUP", "CREATE", key, "engines", "0"),
        ("XGROUP", "CREATECONSUMER", key, "engines", "-"),
        ("XGROUP", "DELCONSUMER", key, "engines", "-"),
        ("XINFO", "CONSUMERS", key, "engines"),
        ("ZADD", key, "XX", 1, ""),
        ("ZRANGE", key, 0, 0),
        ("ZRANGEBYSCORE", key, 0, 0),
        ("ZREVRANGEBYSCORE", key, 0, 0),
        ("ZREM", key, ""),
        ("ZREMRANGEBYSCORE", key, 0, 0),
        ("HSET", key, "", ""),
        ("DEL", key),
    ]
