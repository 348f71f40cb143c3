"""A given value becomes a setting's type, strictly: what only looks like it is refused. Pure."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from pathlib import Path
from types import UnionType
from typing import TypeVar, get_args

from cattrs import Converter

from engine.settings.secret import MASK, Secret
from engine.settings.setting import Instant

T = TypeVar("T")

_WHOLE = re.compile(r"\A[+-]?[0-9]{1,18}\Z")
_NUMBER = re.compile(r"\A[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\Z")
_BOOLEANS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
_SHOWN_LIMIT = 80


class UnfitError(ValueError):
    """A value is not of the setting's type; the text says what it is not."""


def convert(value: object, kind: object, *, is_text: bool) -> object:
    """The value as `kind`; `is_text` says that it comes from a place that knows text only. Raises UnfitError."""
    if isinstance(kind, UnionType):
        kind = next(part for part in get_args(kind) if part is not type(None))
    converter = _FROM_TEXT if is_text and isinstance(value, str) else _STRICT
    return converter.structure(value, kind)  # type: ignore[arg-type]  # a type, read from an annotation


def show(value: object, *, is_secret: bool = False) -> str:
    """A value for a message: never a secret, never a control character, never all of something long."""
    if is_secret:
        return MASK
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date | time):
        return str(value)
    try:
        text = repr(value)
    except ValueError:
        return "a number of thousands of digits"
    return text if len(text) <= _SHOWN_LIMIT else text[:_SHOWN_LIMIT] + "…"


def _exactly(kind: type[T], name: str) -> Callable[[object, type[T]], T]:
    def structure(value: object, _: type[T]) -> T:
        if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
            return value
        raise UnfitError(f"not {name}")

    return structure


def _float(value: object, _: type[float]) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnfitError("not a number")
    try:
        return float(value)
    except OverflowError:
        raise UnfitError("too large") from None


def _path(value: object, _: type[Path]) -> Path:
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise UnfitError("not a file name")
    return Path(value)


def _secret(value: object, _: type[Secret]) -> Secret:
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        raise UnfitError("not a text")
    return Secret(value)


def _instant(value: object, _: object) -> Instant:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(moment, date) and not isinstance(moment, datetime):
            moment = datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001 -- its zone is set below
        if not isinstance(moment, datetime):
            raise UnfitError("not a date")
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        return Instant(moment.isoformat(" ")[:19])
    except (ValueError, OverflowError):
        raise UnfitError("not a date") from None


def _list_of(converter: Converter) -> Callable[[object, type[tuple[T, ...]]], tuple[T, ...]]:
    def structure(value: object, kind: type[tuple[T, ...]]) -> tuple[T, ...]:
        if isinstance(value, str) or not isinstance(value, list | tuple):
            raise UnfitError("not a list")
        item: type[T] = get_args(kind)[0]
        return tuple(converter.structure(each, item) for each in value)

    return structure


def _strict() -> Converter:
    converter = Converter()
    converter.register_structure_hook(bool, _exactly(bool, "true or false"))
    converter.register_structure_hook(int, _exactly(int, "a whole number"))
    converter.register_structure_hook(str, _exactly(str, "a text"))
    converter.register_structure_hook(float, _float)
    converter.register_structure_hook(Path, _path)
    converter.register_structure_hook(Secret, _secret)
    converter.register_structure_hook(Instant, _instant)
    converter.register_structure_hook_func(lambda kind: getattr(kind, "__origin__", None) is tuple, _list_of(converter))
    return converter


def _bool_from_text(value: str, _: type[bool]) -> bool:
    try:
        return _BOOLEANS[value.strip().lower()]
    except KeyError:
        raise UnfitError("not true or false") from None


def _int_from_text(value: str, _: type[int]) -> int:
    if not _WHOLE.match(value.strip()):
        raise UnfitError("not a whole number")
    return int(value)


def _float_from_text(value: str, _: type[float]) -> float:
    if not _NUMBER.match(value.strip()):
        raise UnfitError("not a number")
    return float(value)


def _from_text(strict: Converter) -> Converter:
    converter = strict.copy()
    converter.register_structure_hook(bool, _bool_from_text)
    converter.register_structure_hook(int, _int_from_text)
    converter.register_structure_hook(float, _float_from_text)
    in_list = _list_of(strict)
    converter.register_structure_hook_func(
        lambda kind: getattr(kind, "__origin__", None) is tuple,
        lambda value, kind: in_list([part.strip() for part in value.split(",") if part.strip()], kind),
    )
    return converter


_STRICT = _strict()
_FROM_TEXT = _from_text(_STRICT)
