"""The bridge to asyncio, where the Redis client lives: the one file that knows of it.

Every call crosses it once, as a whole, under a deadline. A cancelled command costs its connection, which the client
throws away, so that no answer meets another question; whether Redis carried the command out is then unknown.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec
import trio
import trio_asyncio
from attrs import define
from redis.exceptions import NoScriptError, RedisError

from adapters.queues.redis_client import Client, Limits, make_client
from adapters.queues.redis_errors import translate
from adapters.queues.scripts import Script
from engine.errors import UnavailableError

T = TypeVar("T")

Argument = str | bytes | int

CLOSE_SECONDS = 0.5


@define(eq=False)
class RedisServer:
    """Asks Redis. Raises UnavailableError where no answer comes, and RedisError for a mistake in the question."""

    _client: Client
    _loop: asyncio.AbstractEventLoop
    _limits: Limits

    async def ask(self, answer: type[T], *command: Argument) -> T:
        """Send one command; the answer must be of type `answer`."""
        return await self._call(answer, command)

    async def run(self, answer: type[T], script: Script, keys: Sequence[str], *args: Argument) -> T:
        """Run a script, atomically; it is sent in full only where Redis does not have it yet."""
        return await self._call(answer, (len(keys), *keys, *args), script)

    async def _call(self, answer: type[T], command: Sequence[Argument], script: Script | None = None) -> T:
        try:
            with trio.fail_after(self._limits.call_seconds):
                reply = await trio_asyncio.aio_as_trio(self._send, loop=self._loop)(command, script)
        except trio.TooSlowError:
            raise UnavailableError(f"Redis did not answer within {self._limits.call_seconds:g} s") from None
        except (RedisError, OSError) as error:
            translated = translate(error)
            if translated is None:
                raise
            try:
                # A traceback out of a future goes in a circle, and so would this one: their frames hold what was sent.
                raise translated from error.with_traceback(None)
            finally:
                del translated
        try:
            return msgspec.convert(reply, type=answer)
        except msgspec.ValidationError as error:
            raise UnavailableError(f"Redis gave an answer to another question: {error}") from error

    async def _send(self, command: Sequence[Argument], script: Script | None) -> object:
        if script is None:
            return await self._client.execute_command(*command)
        try:
            return await self._client.execute_command("EVALSHA", script.sha, *command)
        except NoScriptError:
            return await self._client.execute_command("EVAL", script.text, *command)


@asynccontextmanager
async def open_server(url: str, limits: Limits) -> AsyncIterator[RedisServer]:
    """Open an asyncio loop and a client on it. The body's own errors leave as they are, in no group."""
    client = make_client(url, limits)
    failure: Exception | None = None
    async with trio_asyncio.open_loop() as loop:
        try:
            yield RedisServer(client, loop, limits)
        except Exception as error:  # noqa: BLE001 - raised again below, outside the loop's nurseries
            failure = error
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_SECONDS):
                await trio_asyncio.aio_as_trio(client.aclose, loop=loop)()
    if failure is not None:
        raise failure
