"""Ports for servers of our own."""

import random
import socket
from contextlib import suppress

BELOW_THE_EPHEMERAL = range(10_000, 32_768)
"""Where the kernel takes no ports for outgoing connections: one of those may be gone before the server listens."""
_DICE = random.SystemRandom()


def free_port() -> int:
    """Return a loopback TCP port that nobody listens on at this moment."""
    while True:
        port = _DICE.choice(BELOW_THE_EPHEMERAL)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
