"""A private Redis Cluster: three masters on loopback, every one with a third of the slots and no replica."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tests.servers.ports import free_port
from tests.servers.redis import RedisServer

NODES = 3
SLOTS = 16384
JOIN_SECONDS = 30.0
JOINED = (b"cluster_state:ok", f"cluster_slots_ok:{SLOTS}".encode(), f"cluster_size:{NODES}".encode())
"""What CLUSTER INFO says on every node once all know of all."""


class RedisClusterServers:
    """The nodes, each an ordinary RedisServer with a free bus port. Needs Redis 7, as `cluster-port` does."""

    def __init__(self, folder: Path) -> None:
        self.nodes = [self._node(folder / f"node-{number}") for number in range(NODES)]
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack as stack:
            for node in self.nodes:
                stack.enter_context(node)
            self._share_slots()
            self._meet()
            self._wait_until_joined()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        """The engine's URL, naming all nodes."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    @staticmethod
    def _node(folder: Path) -> RedisServer:
        folder.mkdir(parents=True)
        return RedisServer(folder, {"cluster-enabled": "yes", "cluster-port": str(free_port())})

    def _share_slots(self) -> None:
        bounds = [number * SLOTS // NODES for number in range(NODES + 1)]
        for node, first, end in zip(self.nodes, bounds, bounds[1:], strict=False):
            with node.connect() as client:
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, end - 1)

    def _meet(self) -> None:
        first, *others = self.nodes
        with first.connect() as client:
            for node in others:
                address = ("127.0.0.1", node.port, node.options["cluster-port"])
                client.execute_command("CLUSTER", "MEET", *address)

    def _wait_until_joined(self) -> None:
        deadline = time.monotonic() + JOIN_SECONDS
        while not all(self._knows_all(node) for node in self.nodes):
            assert time.monotonic() < deadline, f"no cluster after {JOIN_SECONDS} s"
            time.sleep(0.02)

    @staticmethod
    def _knows_all(node: RedisServer) -> bool:
        with node.connect() as client:
            told = client.execute_command("CLUSTER", "INFO").split()
        return all(fact in told for fact in JOINED)
