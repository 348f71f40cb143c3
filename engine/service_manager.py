"""The service manager (systemd) that started this process, told of its state by the protocol of sd_notify(3)."""

import socket
import time
from collections.abc import Mapping
from typing import Self

import structlog
import trio
from attrs import field, frozen

TELL_SECONDS = 0.3
USECS = 1_000_000


@frozen
class ServiceManager:
    """Hears what it is told as datagrams of `VARIABLE=value` lines. Without an `address` there is none.

    `watchdog_seconds`: how long it waits for a sign of life before it ends the process; None: for ever. What cannot be
    told in 0.3 seconds is not told, which harms nothing but its picture of us.
    """

    address: str = ""
    watchdog_seconds: float | None = None
    _log: structlog.stdlib.BoundLogger = field(factory=structlog.get_logger, repr=False)

    @classmethod
    def of(cls, environ: Mapping[str, str], pid: int) -> Self:
        """Find it in the environment of the process `pid`; a watchdog meant for another process is not ours."""
        address = environ.get("NOTIFY_SOCKET", "")
        usecs, meant_for = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", str(pid))
        is_ours = usecs.isdecimal() and int(usecs) > 0 and meant_for == str(pid)
        return cls(address if address[:1] in ("/", "@") else "", int(usecs) / USECS if is_ours else None)

    async def tell(self, *assignments: str) -> None:
        """Send all in one datagram; they take effect together."""
        if not self.address:
            return
        address = self.address.replace("@", "\0", 1) if self.address.startswith("@") else self.address
        with trio.move_on_after(TELL_SECONDS):
            try:
                with trio.socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                    await sender.connect(address)
                    await sender.send("\n".join(assignments).encode())
            except OSError as error:
                self._log.debug("could not tell the service manager", told=assignments, reason=str(error))

    async def tell_reloading(self) -> None:
        """A reload begins; `READY=1` ends it. The moment tells it from one that was asked for later."""
        await self.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", "STATUS=reading settings again")
