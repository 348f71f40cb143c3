"""Settings from options, environment, file, preset and defaults, in this order; all that is wrong is said at once."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from engine.errors import ConfigError
from engine.settings.allowed import did_you_mean
from engine.settings.config_file import FILE_NAME, read_file
from engine.settings.conversion import convert, show
from engine.settings.cross_checks import cross_problems, cross_warnings
from engine.settings.layers import (
    COMMAND_LINE,
    KNOWN,
    Given,
    Layer,
    Problems,
    environment_layer,
    file_layer,
    option_layer,
)
from engine.settings.resolving import Reading, Resolver
from engine.settings.sections import PRESETS, SECTIONS, Settings
from engine.settings.source_tables import read_sources


def load(
    options: Mapping[str, object],
    environ: Mapping[str, str],
    cwd: Path,
    config: Path | None = None,
    preset: str | None = None,
) -> Settings:
    """Read and check every setting.

    `options` are keyed `section.key` (None: not used); values may be texts. `source` may hold a list of tables, which
    then replaces the file's. Raises ConfigError with one line per problem: `where: section.key = value: what is
    wrong; allowed: ...`.
    """
    problems: Problems = []
    warnings: list[str] = []
    path, document = read_file(config, environ, cwd, problems)
    origin = str(path or FILE_NAME)
    layers = [
        option_layer(options, problems),
        environment_layer(environ, problems),
        file_layer(document, origin, problems),
        _preset_layer(preset, problems),
    ]
    resolver = Resolver(environ, cwd, problems, warnings)
    sections = {
        name: resolver.resolve(name, section, KNOWN[name], [layer.get(name, {}) for layer in layers])
        for name, section in SECTIONS.items()
    }
    if options.get("source") is not None:
        sources = read_sources(options["source"], COMMAND_LINE, environ, resolver)
    else:
        sources = read_sources(document.get("source", []), origin, environ, resolver)
    problems += cross_problems(sections, sources, cwd)
    if problems:
        raise ConfigError("\n".join(problems))
    return _settings(sections, sources, path, [*warnings, *cross_warnings(sections, sources)])


def require(settings: Settings, *, fetch: bool = True, work: bool = True) -> None:
    """Raise ConfigError unless what a process needs is configured, that fetches, or works, or does both.

    Fetching needs an enabled source; queue and database may be the embedded files. Working alone needs queue and
    database, the ones that the fetching process uses. Either alone needs a queue that other processes can see.
    """
    where = str(settings.file or FILE_NAME)
    problems: Problems = []
    if fetch and not settings.enabled_sources:
        wrong = "every source is disabled" if settings.sources else "no source is configured"
        problems.append(f"{where}: source: {wrong}; add a [[source]] with name and url (see python -m engine init)")
    if not fetch:
        problems += [
            f"{where}: {key}: not configured; a worker needs the {key.partition('.')[0]} of the engine that fetches"
            for key in ("queue.url", "database.url")
            if key not in settings.configured
        ]
    if fetch != work and settings.queue.url.startswith("memory:"):
        problems.append(
            f"{where}: queue.url = 'memory://': what is in memory no other process sees; "
            "allowed: redis:// or sqlite:/// where one process fetches and another works"
        )
    if problems:
        raise ConfigError("\n".join(problems))


def _preset_layer(preset: str | None, problems: Problems) -> Layer:
    if preset is None:
        return {}
    if preset not in PRESETS:
        hint = did_you_mean(preset, PRESETS)
        problems.append(f"{COMMAND_LINE}: preset = {show(preset)}: unknown{hint}; allowed: {' | '.join(PRESETS)}")
        return {}
    return {"worker": {key: Given(value, f"preset {preset}") for key, value in PRESETS[preset].items()}}


def _settings(
    sections: Mapping[str, Reading], sources: Sequence[Reading], path: Path | None, warnings: Iterable[str]
) -> Settings:
    tree: dict[str, object] = {name: dict(reading.values) for name, reading in sections.items()}
    queue = dict(sections["queue"].values)
    if queue.get("enabled") is False:
        queue["url"] = "memory://"
    configured = {f"{name}.{key}" for name, reading in sections.items() for key in reading.values}
    tree |= {
        "queue": queue,
        "sources": [dict(source.values) for source in sources],
        "configured": configured | ({"source"} if sources else set()),
        "file": path,
        "warnings": list(warnings),
    }
    settings = convert(tree, Settings, is_text=False)
    assert isinstance(settings, Settings)
    return settings
