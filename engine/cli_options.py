"""The options that commands share, and how they become settings."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict, Unpack

import click
from attrs import evolve

from engine.logs import configure_logs
from engine.moments import moment_of
from engine.settings import PRESETS, Settings, SourceSettings, load

DEMO_QUEUE = "sqlite:///engine-demo-queue.db"
DEMO_DATABASE = "sqlite:///engine-demo.db"
DEMO_SOURCE = "demo"

Command = Callable[..., None]


class Given(TypedDict):
    """The options of every command that reads the configuration, as click hands them over."""

    config: Path | None
    preset: str | None
    workers: int | None
    queue: str | None
    database: str | None
    pairs: tuple[str, ...]
    log_level: str | None
    log_format: str | None


def config_options(command: Command) -> Command:
    """The options of every command that reads the configuration."""
    for option in [
        click.option("--log-format", type=click.Choice(["auto", "console", "json"]), help="How log lines look."),
        click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="The least logged."),
        click.option("--set", "pairs", multiple=True, metavar="SECTION.KEY=VALUE", help="Any setting; repeatable."),
        click.option("--database", metavar="URL", help="Overrides database.url."),
        click.option("--queue", metavar="URL", help="Overrides queue.url."),
        click.option("--workers", type=int, metavar="N", help="Overrides worker.worker_count."),
        click.option("--preset", metavar="|".join(PRESETS), help="Other defaults, for a small or a large machine."),
        click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Instead of ./engine.toml."),
    ]:
        command = option(command)
    return command


def since_option(doc: str) -> Callable[[Command], Command]:
    """`--since`, which becomes a moment of UTC like `seen_at`."""
    return click.option("--since", callback=_moment, metavar="TIME", help=f"{doc} 24h, 7d, 90m ago, or a UTC moment.")


def _moment(_: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    try:
        return None if value is None else moment_of(value, datetime.now(UTC))
    except ValueError as error:
        raise click.BadParameter(str(error), param=parameter) from None


def settings_from(**given: Unpack[Given]) -> Settings:
    """The settings that hold for a command. Logs mask secrets from now."""
    settings = read_settings(**given)
    configure_logs(evolve(settings.log, file=""), secrets=settings.secrets())
    return settings


def read_settings(**given: Unpack[Given]) -> Settings:
    """Read the settings from the options of the command line, the environment and the file. Raises ConfigError."""
    options: dict[str, object] = dict(_pair(pair) for pair in given["pairs"])
    named = {
        "worker.worker_count": given["workers"],
        "queue.url": given["queue"],
        "database.url": given["database"],
        "log.level": given["log_level"],
        "log.format": given["log_format"],
    }
    options.update((key, value) for key, value in named.items() if value is not None)
    return load(options, os.environ, Path.cwd(), given["config"], given["preset"])


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} is not SECTION.KEY=VALUE", param_hint="--set")
    return key.strip(), value


def demo_settings(settings: Settings) -> Settings:
    """The embedded files of the demo; no log file, and only warnings on the screen unless more is asked for."""
    level = settings.log.level if "log.level" in settings.configured else "warning"
    file = settings.log.file if "log.file" in settings.configured else ""
    return evolve(
        settings,
        queue=evolve(settings.queue, url=DEMO_QUEUE),
        database=evolve(settings.database, url=DEMO_DATABASE),
        log=evolve(settings.log, level=level, file=file),
    )


def settings_to_inspect(**given: Unpack[Given]) -> Settings:
    """The settings of commands that look at what a run has left: those of the demo where nothing is configured."""
    settings = settings_from(**given)
    if not settings.is_demo:
        return settings
    return evolve(demo_settings(settings), sources=(SourceSettings(name=DEMO_SOURCE, url=""),))
