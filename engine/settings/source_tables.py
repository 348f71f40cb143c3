"""The `[[source]]` tables and the variables of their settings."""

from collections.abc import Mapping

from engine.settings.allowed import NAME, did_you_mean
from engine.settings.layers import (
    KNOWN_OF_SOURCE,
    SAME_PREFIX_LIKENESS,
    SOURCE_PREFIX,
    Given,
    given_in,
    is_unset,
    plain,
    source_variable_of,
)
from engine.settings.resolving import Reading, Resolver
from engine.settings.sections import SourceSettings


def read_sources(given: object, origin: str, environ: Mapping[str, str], resolver: Resolver) -> list[Reading]:
    """Read all sources; variables override what their table says, and one that fits no source is a problem."""
    problems = resolver.problems
    if not isinstance(given, list | tuple):
        problems.append(f"{origin}: source: not a list of tables; allowed: [[source]] (two brackets) for each source")
        return []
    readings: list[Reading] = []
    for number, table in enumerate(given, 1):
        if not isinstance(table, Mapping):
            problems.append(f"{origin}: source[{number}]: not a table; allowed: [[source]] for each source")
            continue
        label = _label(table, number)
        variables = _variables(table.get("name"), environ)
        layers = [variables, given_in(table, label, KNOWN_OF_SOURCE, origin, problems)]
        reading = resolver.resolve(label, SourceSettings, KNOWN_OF_SOURCE, layers)
        problems += [
            f"{origin}: {label}.{key}: missing; every source needs a name and a url"
            for key in ("name", "url")
            if key in reading.failed and key not in reading.origins
        ]
        readings.append(reading)
    _report_strangers(environ, [reading.values.get("name") for reading in readings], resolver)
    return readings


def _label(table: Mapping[object, object], number: int) -> str:
    name = table.get("name")
    return f"source.{name}" if isinstance(name, str) and NAME.match(name) else f"source[{number}]"


def _variables(name: object, environ: Mapping[str, str]) -> dict[str, Given]:
    if not isinstance(name, str):
        return {}
    found: dict[str, Given] = {}
    for key, (described, way) in KNOWN_OF_SOURCE.items():
        variable = source_variable_of(name, key)
        text = environ.get(variable)
        if key != "name" and way != "env" and text is not None and not is_unset(text, described, way):
            found[key] = Given(text, variable, is_text=True, indirect=way)
    return found


def _report_strangers(environ: Mapping[str, str], names: list[object], resolver: Resolver) -> None:
    settable = [key for key, (_, way) in KNOWN_OF_SOURCE.items() if key != "name" and way != "env"]
    owners: dict[str, list[str]] = {}
    for name in names:
        for key in settable if isinstance(name, str) else ():
            owners.setdefault(source_variable_of(str(name), key), []).append(str(name))
    for variable, text in environ.items():
        if not variable.startswith(SOURCE_PREFIX):
            continue
        if variable not in owners:
            hint = did_you_mean(variable, owners, SAME_PREFIX_LIKENESS)
            resolver.problems.append(f"{plain(variable)}: fits no source{hint}; allowed: {SOURCE_PREFIX}<NAME>__<KEY>")
        elif text and len(set(owners[variable])) > 1:
            both = " and ".join(dict.fromkeys(owners[variable]))
            resolver.problems.append(
                f"{variable}: fits the sources {both}; allowed: names that differ in letters or digits"
            )
