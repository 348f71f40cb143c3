"""Dramatiq over Redis: no results, its own middleware as it comes."""

import os
import time
from collections.abc import Iterable

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from benchmarks.peers.handler import handle

broker = RedisBroker(url=os.environ["PEER_REDIS"], namespace=os.environ["PEER_QUEUE"])
dramatiq.set_broker(broker)
write = dramatiq.actor(handle, actor_name="write")


def put_all(payloads: Iterable[str]) -> float:
    """Connect, then put them into the queue; when the first was put."""
    broker.client.ping()
    began = time.time()
    for payload in payloads:
        write.send(payload)
    return began
