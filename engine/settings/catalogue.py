"""A list of all settings, for the documentation and the tests that hold it to the code."""

from collections.abc import Iterator
from typing import NamedTuple, get_args

from engine.settings.layers import KNOWN, KNOWN_OF_SOURCE, Known, source_variable_of, variable_of
from engine.settings.sections import SECTIONS
from engine.settings.setting import Described

KINDS = {bool: "true or false", int: "whole number", float: "number", str: "text"}


class Entry(NamedTuple):
    """One key of the configuration file. `default` is written as in the file; empty where there is none."""

    key: str
    kind: str
    default: str
    environment: tuple[str, ...]
    doc: str
    allowed: str


def catalogue() -> Iterator[Entry]:
    """Every key, section by section, as `section.key`; those of a source as `source.key`."""
    for section in SECTIONS:
        yield from _entries(section, KNOWN[section])
    yield from _entries("source", KNOWN_OF_SOURCE)


def as_toml(value: object) -> str:
    """A default as it is written in the file."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(int(value) if value == int(value) else value)
    if isinstance(value, str):
        return f'"{value}"'
    return "[]" if value == () else ""


def _entries(section: str, known: Known) -> Iterator[Entry]:
    for key, (described, way) in known.items():
        about = described.about
        names = (about.former, _variable(section, key)) if way is None else (_variable(section, key),)
        environment = tuple(name for name in names if name and way != "env")
        if way is None:
            default = "" if described.is_required else as_toml(described.default)
            yield Entry(f"{section}.{key}", _kind(described), default, environment, about.doc, about.rule.allowed)
        else:
            holder = "file" if way == "file" else "environment variable"
            doc = f"Instead of {described.name}: the {holder} that holds it"
            yield Entry(f"{section}.{key}", "text", "", environment, doc, f"the name of the {holder}")


def _variable(section: str, key: str) -> str:
    if section == "source":
        return "" if key == "name" else source_variable_of("NAME", key).replace("_NAME__", "_<NAME>__")
    return variable_of(section, key)


def _kind(described: Described) -> str:
    kinds = [kind for kind in get_args(described.kind) or (described.kind,) if kind is not type(None)]
    if getattr(described.kind, "__origin__", None) is tuple:
        return "list of texts"
    return next((name for kind, name in KINDS.items() if kinds[0] is kind), "text")
