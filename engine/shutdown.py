"""The first signal stops softly, the second hard, the third at once; a hangup reads the configuration again."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

import structlog
import trio

EXIT_DONE = 0
EXIT_HARD_STOP = 130
EXIT_STUCK = 70
LAST_RESORT_SECONDS = 5.0
HARD_STOP_SECONDS = 0.5
"""How long a hard stop may say good-bye to servers; what is not released by then runs out by itself."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)
RELOAD = signal.SIGHUP
SIGNALS_AT_ONCE = 64


async def listen(
    soft_stop: Callable[[], None],
    hard_stop: Callable[[], None],
    reload: Callable[[], None],
    grace_seconds: float,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Turn signals into stops and reloads, for ever; starts listening before it reports itself started.

    From the first signal on a thread watches the clock: should the event loop be stuck, already or later, it ends the
    process with exit code 70, five seconds after the grace time. A hard stop ends after half a second, whoever hangs.
    A hangup is the first signal where the terminal we ran on is gone, and a reload otherwise.
    """
    log = structlog.get_logger()
    terminals = _terminals()
    with trio.open_signal_receiver(*SIGNALS, RELOAD) as received, _reloads_heard(), _last_resort(grace_seconds):
        task_status.started()
        is_stopping = False
        async for number in received:
            name = signal.Signals(number).name
            if number == RELOAD and (is_stopping or not terminals or _terminals()):
                reload()
            elif is_stopping:
                log.warning("stopping now", signal=name)
                _end_after(HARD_STOP_SECONDS, EXIT_HARD_STOP)
                hard_stop()
            else:
                is_stopping = True
                log.info("stopping, finishing what is in hand", signal=name, grace_seconds=grace_seconds)
                _end_after(grace_seconds + LAST_RESORT_SECONDS, EXIT_STUCK)
                soft_stop()


def hold_reloads(*, held: bool) -> None:
    """Let hangups wait, or come: what has come meanwhile comes then, once."""
    signal.pthread_sigmask(signal.SIG_BLOCK if held else signal.SIG_UNBLOCK, {RELOAD})


@contextmanager
def _reloads_heard() -> Iterator[None]:
    """Inside, hangups come; outside they would end the process, so they wait."""
    hold_reloads(held=False)
    try:
        yield
    finally:
        hold_reloads(held=True)


def _terminals() -> list[int]:
    """Which of the standard streams are terminals; one that was closed is none any more."""
    return [stream for stream in (0, 1, 2) if os.isatty(stream)]


@contextmanager
def _last_resort(grace_seconds: float) -> Iterator[None]:
    """Inside, a thread learns of every signal as it comes, and not by way of the event loop, which may be stuck.

    By the pipe into which Python writes each signal's number at once. A handler of ours would run later: where a signal
    comes between Python's last look and a call that blocks, not before that call has returned.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    wake = partial(trio.lowlevel.current_trio_token().run_sync_soon, _nothing, idempotent=True)
    threading.Thread(target=_watch, args=(reading, wake, grace_seconds), daemon=True).start()
    before = signal.set_wakeup_fd(writing)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before, warn_on_full_buffer=False)  # as Trio had it
        os.close(writing)


def _watch(pipe: int, wake: Callable[[], None], grace_seconds: float) -> None:
    """Set the clock anew at each signal that stops; each one wakes the loop, in which handlers run, as Trio's pipe did.

    The same one more than once at a time is one signal, for Python mostly calls its handler once. The loop, which may
    count otherwise, sets its clocks too; the first to run out counts.
    """
    clocks = iter(
        (
            (grace_seconds + LAST_RESORT_SECONDS, EXIT_STUCK),
            (HARD_STOP_SECONDS, EXIT_HARD_STOP),
            (0.0, EXIT_HARD_STOP),
        )
    )
    with open(pipe, "rb", buffering=0) as signals:
        while numbers := signals.read(SIGNALS_AT_ONCE):
            with suppress(trio.RunFinishedError):
                wake()
            for _ in set(numbers).intersection(SIGNALS):
                seconds, exit_code = next(clocks, (0.0, EXIT_HARD_STOP))
                _end_after(seconds, exit_code)


def _nothing() -> None:
    """What is to be done in the loop when it has been woken."""


def _end_after(seconds: float, exit_code: int) -> None:
    timer = threading.Timer(seconds, os._exit, (exit_code,))
    timer.daemon = True
    timer.start()
