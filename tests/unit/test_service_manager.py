"""The protocol of sd_notify(3), against a socket that receives what a service manager would."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from engine.service_manager import ServiceManager


def bindable(address: str) -> str:
    """An address of NOTIFY_SOCKET as the kernel knows it."""
    return "\0" + address[1:] if address.startswith("@") else address


@pytest.fixture(params=["path", "abstract"])
def listening(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """A notify socket and its address, as in NOTIFY_SOCKET."""
    address = str(tmp_path / "notify") if request.param == "path" else f"@botnet-engine-test-{os.getpid()}"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as receiver:
        receiver.bind(bindable(address))
        receiver.settimeout(5)
        yield address, receiver


async def test_assignments_arrive_in_one_datagram(listening: tuple[str, socket.socket]) -> None:
    """A line each, at a path and at an abstract address."""
    address, receiver = listening
    await ServiceManager(address).tell("READY=1", "STATUS=läuft")
    assert receiver.recv(4096).decode() == "READY=1\nSTATUS=läuft"


async def test_a_reload_carries_the_moment(listening: tuple[str, socket.socket]) -> None:
    """MONOTONIC_USEC is microseconds of CLOCK_MONOTONIC, in the same datagram as RELOADING."""
    address, receiver = listening
    before = time.monotonic_ns() // 1000
    await ServiceManager(address).tell_reloading()
    told = dict(line.split("=") for line in receiver.recv(4096).decode().splitlines())
    assert told["RELOADING"] == "1"
    assert before <= int(told["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000


async def test_a_full_socket_does_not_hold_the_engine_up(listening: tuple[str, socket.socket]) -> None:
    """A manager that reads nothing is told as much as it takes, and what it does not take is given up."""
    address, receiver = listening
    manager = ServiceManager(address)
    receiver.settimeout(0)
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as filler:
        filler.settimeout(0)
        filler.connect(bindable(address))
        with suppress(BlockingIOError):
            while True:
                filler.send(b"x")
    await manager.tell("STATUS=dropped")
    received = set()
    with suppress(BlockingIOError):
        while True:
            received.add(receiver.recv(4096))
    assert received == {b"x"}


@pytest.mark.parametrize("address", ["", "/nowhere/notify", "vsock:2:1", "relative"])
async def test_without_a_manager_nothing_happens(address: str) -> None:
    """No address, one that nobody listens at, or one that is none of ours."""
    await ServiceManager.of({"NOTIFY_SOCKET": address}, 1).tell("READY=1")


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "3000000"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "7"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_ours_or_none(environ: dict[str, str], seconds: float | None) -> None:
    """Another process's watchdog, and what is no time, are none."""
    assert ServiceManager.of({"NOTIFY_SOCKET": "/run/notify", **environ}, 7).watchdog_seconds == seconds
