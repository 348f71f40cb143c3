"""Log lines: readable or JSON on standard error, and in a rotated file; nothing secret, nothing forged."""

import errno
import logging
import os
import sys
from collections.abc import Collection
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final, Self, TextIO

import structlog
from attrs import frozen
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

from engine.errors import ConfigError
from engine.printable import printable
from engine.settings.secret import MASK
from engine.settings.sections import LogSettings

FIELD_LIMIT: Final = 256
EVENT_LIMIT: Final = 1_024
TRACEBACK_LIMIT: Final = 16_384
SHORTEST_SECRET: Final = 3
"""A shorter one would hide half the log, and is none."""

_HANDLER: Final = "engine:"
_CHATTY: Final = ("httpx", "httpcore", "hypercorn", "asyncio", "trio_asyncio")


def configure_logs(settings: LogSettings, *, secrets: Collection[str] = (), stream: TextIO | None = None) -> None:
    """Send all log lines, those of libraries too, to `stream` (standard error) and to the file. May be called again.

    `secrets` are masked wherever they turn up. Raises ConfigError when the file cannot be opened.
    """
    stream = sys.stderr if stream is None else stream
    is_json = settings.format == "json"
    in_colour = settings.format == "auto" and stream.isatty()
    cleaner = Cleaner.of(secrets)
    handlers: list[logging.Handler] = [logging.StreamHandler(stream)]
    handlers[0].setFormatter(_formatter(cleaner, is_json=is_json, in_colour=in_colour))
    if settings.file:
        handlers.append(_file_handler(settings))
        handlers[1].setFormatter(_formatter(cleaner, is_json=is_json, in_colour=False))
    close_logs()
    root = logging.getLogger()
    root.setLevel(settings.level.upper())
    for number, handler in enumerate(handlers):
        handler.name = f"{_HANDLER}{number}"
        root.addHandler(handler)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*_SHARED, ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[settings.level.upper()]),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


def close_logs() -> None:
    """Detach and close what `configure_logs` opened."""
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if (handler.name or "").startswith(_HANDLER)]:
        root.removeHandler(handler)
        handler.close()


_SHARED: Final[list[Processor]] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


@frozen
class Cleaner:
    """Masks secrets, escapes what could forge a line or steer a terminal, and cuts what is long."""

    secrets: tuple[str, ...]

    @classmethod
    def of(cls, secrets: Collection[str]) -> Self:
        """Make one that masks these, the longest first."""
        return cls(tuple(sorted((text for text in secrets if len(text) >= SHORTEST_SECRET), key=len, reverse=True)))

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return {self.text(key): self._value(key, value) for key, value in event.items()}

    def _value(self, key: str, value: object) -> object:
        if value is None or isinstance(value, int | float):
            return value
        text = value if isinstance(value, str) else repr(value)
        if key != "exception":
            return self.text(text, EVENT_LIMIT if key == "event" else FIELD_LIMIT)
        # Lines of a traceback are indented, so that none of them can pass for a line of the log.
        return "\n".join("    " + self.text(line) for line in text[-TRACEBACK_LIMIT:].splitlines())

    def text(self, text: str, limit: int = FIELD_LIMIT) -> str:
        """One clean text; secrets go first, for a cut or an escape would hide them from the search."""
        for secret in self.secrets:
            text = text.replace(secret, MASK)
        if len(text) > limit:
            text = text[: limit - 1] + "…"
        return printable(text)


def _formatter(cleaner: Cleaner, *, is_json: bool, in_colour: bool) -> ProcessorFormatter:
    renderer: Processor
    if is_json:
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
    else:
        plain = structlog.dev.plain_traceback
        renderer = structlog.dev.ConsoleRenderer(colors=in_colour, exception_formatter=plain, sort_keys=False)
    processors: tuple[Processor, ...] = (
        ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        cleaner,
        renderer,
    )
    return ProcessorFormatter(processors=processors, foreign_pre_chain=_SHARED)


class _PrivateFile(RotatingFileHandler):
    """A rotated file that only its owner can read."""

    def _open(self) -> TextIOWrapper:
        return open(self.baseFilename, "a", encoding="utf-8", opener=_open_private)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)


def _file_handler(settings: LogSettings) -> RotatingFileHandler:
    path = Path(settings.file)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _PrivateFile(path, maxBytes=settings.file_size_limit, backupCount=settings.backup_count)
    except OSError as error:
        raise _unwritable(settings, error.errno or 0) from None


def check_file(settings: LogSettings) -> None:
    """Raise ConfigError where the log file cannot be written; make nothing, for another user may run the engine."""
    path = Path(settings.file)
    there = next(each for each in (path, *path.absolute().parents) if each.exists())
    if path.is_dir():
        raise _unwritable(settings, errno.EISDIR)
    if there != path and not there.is_dir():
        raise _unwritable(settings, errno.ENOTDIR)
    if not os.access(there, os.W_OK):
        raise _unwritable(settings, errno.EACCES)


def _unwritable(settings: LogSettings, code: int) -> ConfigError:
    return ConfigError(
        f"log.file = {settings.file!r}: cannot be written: {os.strerror(code)}; "
        'allowed: a file in a folder we may write to, or "" for none'
    )
