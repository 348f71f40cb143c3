"""Opens the port of the status page at once, and serves it when the engine has begun to work."""

import socket
from contextlib import closing
from typing import TYPE_CHECKING

import structlog
import trio

from engine.errors import ConfigError
from engine.settings import Settings
from engine.settings.allowed import is_loopback, split_address

if TYPE_CHECKING:  # to import this file is to open a port, no more
    from collections.abc import Callable

    from engine.status import Status

FIRST_WORK_SECONDS = 1.0
"""Loading what serves takes a quarter of a second: the first page of a source does not wait for it. Whoever asks
earlier waits in the port's queue."""
BACKLOG = 64
SEND_BUFFER = 64 * 1024
"""Bytes that a client which does not read may keep in the kernel: each connection inherits it."""


async def serve_status(
    settings: Settings,
    open_status: "Callable[[], Status]",
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled. Started once the port is open; `open_status` is called when there is somebody to answer.

    A port that is taken: ConfigError where `status.address` was given, else a warning and no page, for a second engine
    on one machine is no mistake.
    """
    log = structlog.get_logger()
    listener = _listener(settings, log)
    task_status.started()
    if listener is None:
        return
    with closing(listener):
        host, port = listener.getsockname()[:2]
        log.info("status page", url=f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/")
        await trio.sleep(FIRST_WORK_SECONDS)
        await trio.to_thread.run_sync(_load, abandon_on_cancel=True)
        await _serve(settings, open_status(), listener)


def _listener(settings: Settings, log: structlog.stdlib.BoundLogger) -> socket.socket | None:
    address = settings.status.address
    try:
        return _listen(*split_address(address))
    except OSError as error:
        reason = error.strerror or str(error)
        if "status.address" in settings.configured:
            raise ConfigError(
                f"status.address = {address!r}: cannot listen there: {reason}; allowed: a free one, or 0 for no page"
            ) from None
        log.warning(
            "no status page, perhaps another engine has one: set status.address", address=address, reason=reason
        )
        return None


def _listen(host: str, port: int) -> socket.socket:
    (family, kind, _, _, address), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    listener = socket.socket(family, kind)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _load() -> None:
    """Import what serves, in a thread: the loop turns meanwhile."""
    import adapters.status.app  # noqa: PLC0415
    import adapters.status.serving  # noqa: F401, PLC0415


async def _serve(settings: Settings, status: "Status", listener: socket.socket) -> None:
    from adapters.status.access import Access  # noqa: PLC0415 - loaded above
    from adapters.status.app import make_app  # noqa: PLC0415
    from adapters.status.serving import Serving  # noqa: PLC0415

    host, _ = split_address(settings.status.address)
    token = settings.status.token.reveal() if settings.status.token is not None else None
    await Serving(make_app(status, Access(host, is_loopback(host), token))).run(listener)
