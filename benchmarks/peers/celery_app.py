"""Celery: prefork, acknowledged late, one delivery ahead of nobody, no results."""

import os
import sys
import time
from collections.abc import Iterable

from celery import Celery
from celery.signals import worker_ready

from benchmarks.peers.handler import READY, handle

app = Celery("peer", broker=os.environ["PEER_REDIS"])
app.conf.update(
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    task_default_queue=os.environ["PEER_QUEUE"],
    broker_connection_retry_on_startup=True,
)
write = app.task(name="write")(handle)


@worker_ready.connect  # type: ignore[untyped-decorator]
def say_ready(**_: object) -> None:
    """All its processes are there."""
    print(READY, file=sys.stderr, flush=True)


def put_all(payloads: Iterable[str]) -> float:
    """Connect, then put them into the queue; when the first was put."""
    with app.producer_or_acquire() as producer:
        producer.connection.default_channel.client.ping()
        began = time.time()
        for payload in payloads:
            write.apply_async((payload,), producer=producer)
    return began
