"""The commands: what a user types becomes settings and a run, and every error one line and an exit code."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TypedDict, Unpack

import click
import trio
from attrs import evolve

from adapters import wiring
from engine import account
from engine.errors import ConfigError, UnavailableError
from engine.logs import configure_logs
from engine.ports import TableCount
from engine.run import Connect, Mode, Run
from engine.settings import PRESETS, Settings, commented_config, load, redact_url, require
from engine.stats import Snapshot

EXIT_NOTHING_ARRIVED = 1
EXIT_UNAVAILABLE = 69
EXIT_CONFIG = 78
EXIT_INTERRUPTED = 130

DEMO_QUEUE = "sqlite:///engine-demo-queue.db"
DEMO_DATABASE = "sqlite:///engine-demo.db"
DEMO_BANNER = """\
DEMO: nothing is configured here, so a collector of our own on loopback invents sightings, and they go into
engine-demo.db in this folder. `python -m engine init` writes an engine.toml to start with a real collector.
"""

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


class DefaultToRun(click.Group):
    """`python -m engine --once` means `python -m engine run --once`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `run` in front of options that are not the group's own."""
        if not args or (args[0].startswith("-") and args[0] not in {"-h", "--help"}):
            args = ["run", *args]
        return super().parse_args(ctx, args)


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


def run_options(command: Command) -> Command:
    """The options of every command that runs the engine."""
    once = click.option("--once", is_flag=True, help="End when every source has nothing new and the queue is empty.")
    as_json = click.option("--json", "as_json", is_flag=True, help="Print the account at the end as one line of JSON.")
    return config_options(once(as_json(command)))


@click.group(cls=DefaultToRun, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def cli() -> None:
    """Bring botnet sightings from sinkhole collectors into a database: nothing lost, counted once.

    Without a command: run. With nothing configured: the demo.
    """


@cli.command()
@run_options
def run(*, once: bool, as_json: bool, **given: Unpack[Given]) -> None:
    """Fetch and work in this process. The options of the run: `python -m engine run -h`."""
    settings = settings_from(**given)
    if settings.is_demo:
        run_demo(settings, once=once, as_json=as_json)
    else:
        mode = Mode(fetch=True, work=settings.worker.enabled, once=once)
        require(settings, fetch=mode.fetch, work=mode.work)
        run_engine(settings, mode, wiring.connect, as_json=as_json)


@cli.command()
@run_options
def fetch(*, once: bool, as_json: bool, **given: Unpack[Given]) -> None:
    """Fetch only: from the sources into the queue."""
    settings = settings_from(**given)
    require(settings, fetch=True, work=False)
    run_engine(settings, Mode(fetch=True, work=False, once=once), wiring.connect, as_json=as_json)


@cli.command()
@run_options
def worker(*, once: bool, as_json: bool, **given: Unpack[Given]) -> None:
    """Work only: from the queue into the database."""
    settings = settings_from(**given)
    require(settings, fetch=False, work=True)
    run_engine(settings, Mode(fetch=False, work=True, once=once), wiring.connect, as_json=as_json)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
@config_options
def check(*, as_json: bool, **given: Unpack[Given]) -> None:
    """Show per botnet type: does the table exist, rows of the last 5 minutes, rows in all.

    Exit code 1 when nothing arrived in the last 5 minutes.
    """
    settings = settings_from(**given)
    if settings.is_demo:
        settings = demo_settings(settings)
    counts = trio.run(_table_counts, settings)
    click.echo(account.tables_as_json(counts) if as_json else account.tables_as_text(counts))
    if not any(count.last_5_minutes for count in counts):
        raise SystemExit(EXIT_NOTHING_ARRIVED)


@cli.command("check-config")
@config_options
def check_config(**given: Unpack[Given]) -> None:
    """Read the configuration, say what is wrong with it, and connect to nothing."""
    settings = settings_from(**given)
    if not settings.is_demo:
        require(settings, fetch=bool(settings.sources), work=settings.worker.enabled)
    for warning in settings.warnings:
        click.echo(f"warning: {warning}")
    click.echo(f"file      {settings.file or 'none: defaults, environment and options only'}")
    click.echo(f"sources   {', '.join(source.name for source in settings.enabled_sources) or 'none: the demo'}")
    click.echo(f"queue     {redact_url(settings.queue.url)}")
    click.echo(f"database  {redact_url(settings.database.url)}")
    click.echo(f"workers   {settings.worker.worker_count if settings.worker.enabled else 0}")
    click.echo("configuration is good")


@cli.command()
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@click.argument("file", type=click.Path(path_type=Path), default=Path("engine.toml"))
def init(file: Path, *, force: bool) -> None:
    """Write a commented engine.toml to fill in."""
    try:
        with open(file, "w" if force else "x", opener=_private) as stream:
            stream.write(commented_config())
    except FileExistsError:
        raise click.UsageError(f"{file} is there already; --force overwrites it") from None
    except OSError as error:
        raise click.UsageError(f"cannot write {file}: {error.strerror}") from None
    click.echo(f"wrote {file}; put your collector's url and key into it, then: python -m engine check-config")


@cli.command()
def version() -> None:
    """Show the version."""
    click.echo(f"botnet-engine {version_of('botnet-engine')}")


def settings_from(**given: Unpack[Given]) -> Settings:
    """The settings, from the options of the command line, the environment and the file."""
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


def run_demo(settings: Settings, *, once: bool, as_json: bool) -> None:
    """The whole machine on invented sightings: one finite day with `once`, else for ever."""
    click.echo(DEMO_BANNER, err=as_json)
    mode = Mode(once=once)
    run_engine(demo_settings(settings), mode, wiring.connect_demo, as_json=as_json, progress=_show_progress)


def run_engine(
    settings: Settings,
    mode: Mode,
    connect: Connect,
    *,
    as_json: bool,
    progress: Callable[[Snapshot, int], None] | None = None,
) -> None:
    """Run until done or stopped, print the account, and exit."""
    configure_logs(settings.log, secrets=settings.secrets())
    one_run = Run(settings, mode, connect, progress)
    code = trio.run(one_run.main)
    snapshot, seconds = one_run.stats.snapshot(), one_run.seconds
    click.echo(account.as_json(snapshot, seconds) if as_json else account.as_text(snapshot, seconds))
    raise SystemExit(code)


def _show_progress(snapshot: Snapshot, depth: int) -> None:
    click.echo(account.as_progress(snapshot, depth), err=True)


async def _table_counts(settings: Settings) -> list[TableCount]:
    async with wiring.open_database(settings) as database:
        return list(await database.table_counts())


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@contextmanager
def errors_as_exit_codes() -> Iterator[None]:
    """One line, or one a problem, and an exit code; a traceback is for bugs only."""
    try:
        yield
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_CONFIG)
    except UnavailableError as error:
        click.echo(f"unavailable: {error}", err=True)
        sys.exit(EXIT_UNAVAILABLE)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(EXIT_INTERRUPTED)


def main() -> None:
    """Run the command line."""
    with errors_as_exit_codes():
        cli.main(prog_name="python -m engine", standalone_mode=False)
