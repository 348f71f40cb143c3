"""SAQ over Redis: one delivery at a time per process, in its pool of threads, as a handler that blocks; no results."""

import asyncio
import os
import sys
import time
from collections.abc import Iterable

from saq import Queue

from benchmarks.peers.handler import READY, handle

HANDLER_SECONDS = 600
queue = Queue.from_url(os.environ["PEER_REDIS"], name=os.environ["PEER_QUEUE"])


def write(_: object, *, payload: str) -> None:
    """The handler, as SAQ calls it."""
    handle(payload)


async def say_ready(_: object) -> None:
    """A process each."""
    print(READY, file=sys.stderr, flush=True)


settings = {"queue": queue, "functions": [write], "concurrency": 1, "startup": say_ready}


def put_all(payloads: Iterable[str]) -> float:
    """Connect, then put them into the queue; when the first was put."""
    return asyncio.run(_put_all(payloads))


async def _put_all(payloads: Iterable[str]) -> float:
    await queue.connect()
    began = time.time()
    for payload in payloads:
        await queue.enqueue("write", payload=payload, timeout=HANDLER_SECONDS, ttl=-1)
    await queue.disconnect()
    return began
