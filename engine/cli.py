"""The command line: the commands that run the engine, and every error as one line and an exit code."""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Unpack

import click
import structlog
import trio

from adapters import wiring
from engine import account
from engine.cli_audit import audit_command
from engine.cli_geo import geo
from engine.cli_inspect import check, check_config
from engine.cli_letters import dead_letters
from engine.cli_options import Command, Given, config_options, demo_settings, read_settings, settings_from
from engine.cli_retry import retry_letters
from engine.cli_schema import schema_command
from engine.cli_status import status, top
from engine.cli_upgrade import upgrade_command
from engine.errors import ConfigError, UnavailableError
from engine.logs import configure_logs
from engine.printable import printable
from engine.progress import progress
from engine.run import Mode, Progress, Run
from engine.service_manager import ServiceManager
from engine.settings import Settings, commented_config, require
from engine.shutdown import RELOAD, SIGNALS, hold_reloads
from engine.stats import Snapshot

EXIT_UNAVAILABLE = 69
EXIT_CONFIG = 78
EXIT_BUG = 70
EXIT_INTERRUPTED = 130

GARBAGE_THRESHOLD = 200_000
"""Records come by the ten thousand and go again: counting up to the usual 700 takes a fifth of the time."""

SWITCH_SECONDS = 0.0005
"""How long a thread that computes may keep the others waiting. With the usual ten times more, an answer of the database
or of Redis waits that long for the event loop, and eight workers are an eighth slower."""

RUNS = ("run", "fetch", "worker")
"""The commands that a hangup does not end."""

DEMO_BANNER = """\
DEMO: nothing is configured here, so a collector of our own on loopback invents sightings, and they go into
engine-demo.db in this folder. `python -m engine init` writes an engine.toml to start with a real collector.
"""
DEMO_PAGE = "While it runs, http://{}/ shows what it does.\n"


class DefaultToRun(click.Group):
    """`python -m engine --once` means `python -m engine run --once`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `run` in front of options that are not the group's own."""
        if not args or (args[0].startswith("-") and args[0] not in {"-h", "--help"}):
            args = ["run", *args]
        return super().parse_args(ctx, args)


def run_options(command: Command) -> Command:
    """The options of every command that runs the engine."""
    once = click.option("--once", is_flag=True, help="End when every source has nothing new and the queue is empty.")
    as_json = click.option("--json", "as_json", is_flag=True, help="Print the account at the end as one line of JSON.")
    return config_options(once(as_json(command)))


@click.group(cls=DefaultToRun, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.pass_context
def cli(context: click.Context) -> None:
    """Bring botnet sightings from sinkhole collectors into a database: nothing lost, counted once.

    Without a command: run. With nothing configured: the demo.
    """
    if context.invoked_subcommand not in RUNS:
        hold_reloads(held=False)


cli.add_command(check)
cli.add_command(check_config)
cli.add_command(audit_command)
cli.add_command(status)
cli.add_command(top)
cli.add_command(schema_command)
cli.add_command(upgrade_command)
cli.add_command(dead_letters)
cli.add_command(geo)
dead_letters.add_command(retry_letters)


@cli.command()
@run_options
def run(*, once: bool, as_json: bool, **given: Unpack[Given]) -> None:
    """Fetch and work in this process. The options of the run: `python -m engine run -h`."""
    settings = settings_from(**given)
    if settings.is_demo:
        run_demo(settings, once=once, as_json=as_json)
    else:
        run_configured(settings, Mode(fetch=True, work=settings.worker.enabled, once=once), given, as_json=as_json)


@cli.command()
@run_options
def fetch(*, once: bool, as_json: bool, **given: Unpack[Given]) -> None:
    """Fetch only: from the sources into the queue."""
    run_configured(settings_from(**given), Mode(fetch=True, work=False, once=once), given, as_json=as_json)


@cli.command()
@run_options
def worker(*, once: bool, as_json: bool, **given: Unpack[Given]) -> None:
    """Work only: from the queue into the database."""
    run_configured(settings_from(**given), Mode(fetch=False, work=True, once=once), given, as_json=as_json)


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
    from importlib.metadata import version as version_of  # noqa: PLC0415 - a tenth of the time a start takes

    click.echo(f"botnet-engine {version_of('botnet-engine')}")


def run_demo(settings: Settings, *, once: bool, as_json: bool) -> None:
    """The whole machine on invented sightings: one finite day with `once`, else for ever."""
    page = "" if settings.status.address == "0" else DEMO_PAGE.format(settings.status.address)
    click.echo(DEMO_BANNER + page, err=as_json)
    one_run = Run(demo_settings(settings), Mode(once=once), wiring.connect_demo, progress=_show_progress)
    run_engine(one_run, as_json=as_json)


def run_configured(settings: Settings, mode: Mode, given: Given, *, as_json: bool) -> None:
    """Run on what is configured; a reload reads it where it was read before, and asks as much of it."""

    def read() -> Settings:
        return _required(read_settings(**given), mode)

    run_engine(Run(_required(settings, mode), mode, wiring.connect, read=read), as_json=as_json)


def _required(settings: Settings, mode: Mode) -> Settings:
    require(settings, fetch=mode.fetch, work=mode.work)
    return settings


def run_engine(one_run: Run, *, as_json: bool) -> None:
    """Run until done or stopped, print the account, and exit."""
    with _shown(one_run.mode, one_run.progress) as one_run.progress:
        code = _run_to_its_end(one_run)
    snapshot, seconds = one_run.stats.snapshot(), one_run.seconds
    click.echo(account.as_json(snapshot, seconds) if as_json else account.as_text(snapshot, seconds))
    raise SystemExit(code)


def _run_to_its_end(one_run: Run) -> int:
    settings = one_run.settings
    configure_logs(settings.log, secrets=settings.secrets())
    one_run.manager = ServiceManager.of(os.environ, os.getpid())
    one_run.serve = None if settings.status.address == "0" else wiring.serve_status
    gc.freeze()  # what was imported stays: it need not be looked through again and again
    gc.set_threshold(GARBAGE_THRESHOLD)
    sys.setswitchinterval(SWITCH_SECONDS)
    hold_reloads(held=True)  # but while the run listens
    code = trio.run(one_run.main)
    for number in (*SIGNALS, RELOAD):  # the run is over: what comes now shall not cut off its account
        signal.signal(number, signal.SIG_IGN)
    return code


@contextmanager
def _shown(mode: Mode, shown: Progress | None) -> Iterator[Progress | None]:
    """What shows how far a run with an end has come; every other shows what it was told to."""
    if not mode.once or (shown is not None and not sys.stderr.isatty()):
        yield shown
        return
    with progress("progress", "records", lambda text: structlog.get_logger().info(text)) as show:
        if mode.work:
            yield lambda snapshot, _: show(snapshot.received, snapshot.fetched)
        else:
            yield lambda snapshot, _: show(snapshot.fetched, snapshot.fetched)


def _show_progress(snapshot: Snapshot, depth: int) -> None:
    click.echo(account.as_progress(snapshot, depth), err=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@contextmanager
def errors_as_exit_codes() -> Iterator[None]:
    """One line, or one a problem, and an exit code; a traceback is for bugs only, and goes where secrets are masked."""
    try:
        yield
    except ConfigError as error:
        click.echo(_lines(error), err=True)
        sys.exit(EXIT_CONFIG)
    except UnavailableError as error:
        click.echo(f"unavailable: {_lines(error)}", err=True)
        sys.exit(EXIT_UNAVAILABLE)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(EXIT_INTERRUPTED)
    except Exception:  # noqa: BLE001 - the interpreter would print it, with every secret in it
        structlog.get_logger().critical("this is a bug of the engine, and ends it", exc_info=True)
        sys.exit(EXIT_BUG)


def _lines(error: Exception) -> str:
    """What it says, line by line: a server's words may be among them."""
    return "\n".join(map(printable, str(error).split("\n")))


def main() -> None:
    """Run the command line."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # not every terminal has every character
    with errors_as_exit_codes():
        cli.main(prog_name="python -m engine", standalone_mode=False)
