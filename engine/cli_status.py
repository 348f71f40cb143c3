"""The commands that show a running engine: `status` once, `top` until it is interrupted."""

import json
import math
import os
import sys
import time
from contextlib import suppress
from typing import Unpack

import click
from attrs import asdict

from adapters import wiring
from engine.cli_options import Given, config_options, settings_from
from engine.errors import UnavailableError
from engine.printable import printable
from engine.settings import Settings

EXIT_NOT_READY = 1


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One line of JSON, as /api/status answers.")
@config_options
def status(*, as_json: bool, **given: Unpack[Given]) -> None:
    """Show what a running engine does, and what limits it.

    Asks the engine at status.address. Exit code 1 when it is not ready, 69 when none answers.
    """
    from engine.status_lines import as_text  # noqa: PLC0415 - loading it takes a part of every other command's start

    picture = wiring.ask_engine(settings_from(**given))
    click.echo(json.dumps(asdict(picture)) if as_json else as_text(picture))
    if not picture.health.ready:
        raise SystemExit(EXIT_NOT_READY)


def _number(_: click.Context, __: click.Parameter, value: float) -> float:
    """NaN is within every range."""
    if math.isnan(value):
        raise click.BadParameter("this is no number")
    return value


@click.command()
@click.option(
    "--every",
    type=click.FloatRange(0.2, 3_600),
    callback=_number,
    default=1.0,
    show_default=True,
    help="Seconds between looks.",
)
@config_options
def top(*, every: float, **given: Unpack[Given]) -> None:
    """Show the same live, until Ctrl+C; a line at a time where the output is no terminal."""
    settings = settings_from(**given)
    wiring.ask_engine(settings)
    with suppress(KeyboardInterrupt):  # the way it ends
        (_show_live if _can_draw() else _show_lines)(settings, every)


def _can_draw() -> bool:
    """Whether the output is a terminal on which something can be drawn over, in characters of any kind."""
    is_utf = sys.stdout.encoding.lower().startswith("utf")
    return sys.stdout.isatty() and is_utf and os.environ.get("TERM") not in {"dumb", "unknown"}


def _show_lines(settings: Settings, every: float) -> None:
    while True:
        click.echo(_said(settings))
        time.sleep(every)


def _said(settings: Settings) -> str:
    from engine.status_lines import as_line  # noqa: PLC0415

    try:
        return as_line(wiring.ask_engine(settings))
    except UnavailableError as error:
        return printable(f"unavailable: {error}")


def _show_live(settings: Settings, every: float) -> None:
    from rich.console import Console  # noqa: PLC0415 - nothing else needs it
    from rich.live import Live  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from engine.screen import screen  # noqa: PLC0415

    console = Console()
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            try:
                live.update(screen(wiring.ask_engine(settings), console.width), refresh=True)
            except UnavailableError as error:
                live.update(Text(printable(f"unavailable: {error}")), refresh=True)
            time.sleep(every)
