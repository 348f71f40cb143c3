"""The first signal stops softly, the second hard, the third at once."""

import os
import signal
import threading
from collections.abc import Callable

import structlog
import trio

EXIT_DONE = 0
EXIT_HARD_STOP = 130
EXIT_STUCK = 70
LAST_RESORT_SECONDS = 5.0
HARD_STOP_SECONDS = 0.5
"""How long a hard stop may say good-bye to servers; what is not released by then runs out by itself."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)


async def listen(
    soft_stop: Callable[[], None],
    hard_stop: Callable[[], None],
    grace_seconds: float,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Turn signals into stops, for ever; starts listening before it reports itself started.

    From the first signal on a thread watches the clock: should the event loop itself be stuck, it ends the process with
    exit code 70, five seconds after the grace time. A hard stop it ends after half a second, whoever hangs.
    """
    log = structlog.get_logger()
    with trio.open_signal_receiver(*SIGNALS) as received:
        task_status.started()
        count = 0
        async for number in received:
            count += 1
            if count == 1:
                log.info(
                    "stopping, finishing what is in hand",
                    signal=signal.Signals(number).name,
                    grace_seconds=grace_seconds,
                )
                _end_after(grace_seconds + LAST_RESORT_SECONDS, EXIT_STUCK)
                soft_stop()
            elif count == 2:  # noqa: PLR2004 - the second signal
                log.warning("stopping now", signal=signal.Signals(number).name)
                _end_after(HARD_STOP_SECONDS, EXIT_HARD_STOP)
                hard_stop()
            else:
                os._exit(EXIT_HARD_STOP)


def _end_after(seconds: float, exit_code: int) -> None:
    timer = threading.Timer(seconds, os._exit, (exit_code,))
    timer.daemon = True
    timer.start()
