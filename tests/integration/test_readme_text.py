"""Every command and option in the README's running text and tables, typed as it stands there; blanks are filled in."""

import ast
import gzip
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from tests import mmdb
from tests.collector import Collector, running_collector
from tests.engine_process import EngineProcess
from tests.integration.places import Place, configure, run_command
from tests.mirror import Served, running_mirror
from tests.mmdb import write_mmdb
from tests.readme import README, inline_commands
from tests.servers.ports import free_port
from tests.status_page import page_of
from tests.terminal import Terminal

REPOSITORY = Path(__file__).parents[2]
RECORD = {"timestamp": "2026-11-20T00:00:01", "botnet_type": "mirai", "log_type": "online"}
ENGINE = "python -m engine"
BLANK = re.compile(r"FILE|…|section\.key=value|low\|medium\|high")


class Step(NamedTuple):
    """A command of the README and the whole line that is typed for it, which contains it.

    One that runs until Ctrl+C is interrupted once it has written `until`.
    """

    command: str
    line: str
    code: int = 0
    until: str | None = None


def whole(*commands: str) -> Sequence[Step]:
    """Commands that are typed as they are."""
    return [Step(command, command if command.startswith(ENGINE) else f"{ENGINE} {command}") for command in commands]


IN_AN_EMPTY_FOLDER = [
    *whole("python -m engine init", "python -m engine check-config", "python -m engine version"),
    Step("-h", f"{ENGINE} audit -h"),
    Step("--config FILE", f"{ENGINE} check-config --config engine.toml"),
    Step("--set section.key=value", f"{ENGINE} check-config --set worker.worker_count=2"),
    *(Step("--preset low|medium|high", f"{ENGINE} check-config --preset {name}") for name in ("low", "medium", "high")),
]
ON_AN_EMPTY_QUEUE = [
    *whole("python -m engine check-config --connect", "check-config --connect", "python -m engine upgrade-schema"),
    Step("--connect", f"{ENGINE} check-config --connect"),
    Step("python -m engine fetch", "python -m engine fetch", until="fetched"),
    Step("--once", f"{ENGINE} fetch --once"),
    Step("python -m engine worker", "python -m engine worker", until="batch written"),
]
WITH_MORE_RECORDS = [
    Step("python -m engine", "python -m engine", until="batch written"),
    *(Step("--once", f"{ENGINE} {mode} --once") for mode in ("run", "worker")),
]
BESIDE_AN_ENGINE = [
    *whole("python -m engine status", "python -m engine check", "python -m engine audit"),
    Step("python -m engine top", "python -m engine top", until="worker-1"),
    *whole("python -m engine dead-letters list", "dead-letters list"),
    Step("python -m engine dead-letters show", "python -m engine dead-letters show 1"),
    Step("--source", f"{ENGINE} dead-letters list --source s1"),
    Step("--botnet", f"{ENGINE} dead-letters list --botnet mirai"),
    Step("--reason", f"{ENGINE} dead-letters list --reason private"),
    Step("--since", f"{ENGINE} dead-letters list --since 24h"),
    Step("--json", f"{ENGINE} dead-letters show 1 --json"),
    Step("--dry-run", f"{ENGINE} dead-letters drop 1 --dry-run"),
    Step("--all", f"{ENGINE} dead-letters drop --all --dry-run"),
    *(
        Step(command, f"{ENGINE} dead-letters retry --reason private", code=1)
        for command in ("dead-letters retry", f"{ENGINE} dead-letters retry")
    ),
    Step("--record-file FILE", f"{ENGINE} dead-letters retry 1 --record-file mended.json"),
    Step("-", f"{ENGINE} dead-letters retry 2 --record-file - < mended.json"),
    Step("python -m engine dead-letters drop", "python -m engine dead-letters drop 3"),
    Step("python -m engine schema", "python -m engine schema mirai"),
    Step("schema --apply", f"{ENGINE} schema zeus --apply"),
    *whole("python -m engine geo update", "geo update"),
    Step("--force", f"{ENGINE} geo update --force"),
    Step("geo update --from … --force", f"{ENGINE} geo update --from geo/dbip-city-lite.mmdb.previous --force"),
    *whole("python -m engine geo status", "geo status"),
]
RUN = Step("python -m engine run", "python -m engine run")
STEPS = [*IN_AN_EMPTY_FOLDER, *ON_AN_EMPTY_QUEUE, *WITH_MORE_RECORDS, *BESIDE_AN_ENGINE, RUN]
HANGUP = "kill -HUP"
ELSEWHERE = {
    "systemctl reload": ("deploy/botnet-engine.service", "ExecReload=/bin/kill -HUP $MAINPID"),
    "systemctl status": ("tests/integration/test_systemd.py", 'in told.get("STATUS"'),
    "systemd-analyze verify": ("tests/unit/test_deploy.py", '"verify"'),
    ".nox/tests/bin/python -m tests.browser.screenshots": (
        "tests/browser/test_screenshots.py",
        "tests.browser.screenshots",
    ),
}
"""What this test cannot run, and where to find what does: there is no systemd here, and pictures need a browser."""


def test_every_command_is_known_to_this_test() -> None:
    """A command that the README gains, and nothing executes, makes this fail; so does one that it has lost."""
    steps = {step.command for step in STEPS}
    sessions = {command for command in inline_commands() if command.startswith("nox -s ")}
    assert inline_commands() == steps | sessions | {HANGUP} | ELSEWHERE.keys()


def test_every_fence_is_read() -> None:
    """Each has a name by which a test, or continuous integration, asks for it; but for the drawing."""
    text = README.read_text()
    names = re.findall(r"^<!-- (\S+) -->\n```[a-z]*$", text, re.MULTILINE)
    assert text.count("\n```") == 2 * len(names) + 2
    readers = [*REPOSITORY.glob("tests/**/*.py"), REPOSITORY / ".ci" / "run"]
    asked = set(re.findall(r"(?:fenced|commands|line_after)[( ]\"?([a-z-]+)", "".join(map(Path.read_text, readers))))
    assert set(names) <= asked


def test_every_line_contains_its_command() -> None:
    """Nothing else is typed than what the README says."""
    for command, line, *_ in STEPS:
        words = r"\s(\S+\s)*".join(
            r"\S+".join(map(re.escape, BLANK.split(word))) for word in command.removeprefix(f"{ENGINE} ").split()
        )
        assert re.search(rf"(^|\s){words}(\s|$)", line), (command, line)


def test_every_session_is_one_of_nox() -> None:
    """Those that must be green are what continuous integration runs."""
    named = [command.split()[2:] for command in inline_commands() if command.startswith("nox -s ")]
    functions = [
        node for node in ast.parse((REPOSITORY / "noxfile.py").read_text()).body if isinstance(node, ast.FunctionDef)
    ]
    sessions = {each.name for each in functions if "nox.session" in map(ast.unparse, each.decorator_list)}
    assert {name for names in named for name in names} == sessions
    assert "nox -s lint types deploy\n" in (REPOSITORY / ".ci" / "run").read_text()


@pytest.mark.parametrize("command", ELSEWHERE)
def test_what_runs_elsewhere(command: str) -> None:
    """The file that runs it is there, and does."""
    file, text = ELSEWHERE[command]
    assert text in (REPOSITORY / file).read_text()


def test_all_are_typed(place: Place) -> None:
    """From an empty folder to a running engine with dead letters and look-up files, each ends as it should."""
    environ = {"ENGINE_STATUS__ADDRESS": f"127.0.0.1:{free_port()}"}
    typed_all(place.folder, IN_AN_EMPTY_FOLDER, environ)
    with running_collector() as collector, provider(place.folder) as url:
        configure(place, collector.url)
        environ |= {"ENGINE_GEO__BASE_URL": url, "ENGINE_LOG__LEVEL": "debug"}
        collector.add([{**RECORD, "ip": ip} for ip in ("10.0.0.1", "10.0.0.2", "10.0.0.3", "8.8.8.8")])
        typed_all(place.folder, ON_AN_EMPTY_QUEUE, environ)
        collector.add([{**RECORD, "ip": "8.8.8.9"}])
        typed_all(place.folder, WITH_MORE_RECORDS, environ)
        (place.folder / "mended.json").write_text(
            '{"ip": "8.8.4.4", "timestamp": "2026-11-20T00:00:01", "botnet_type": "mirai"}'
        )
        with running(place.folder, environ, collector) as engine:
            typed_all(place.folder, BESIDE_AN_ENGINE, environ)
            subprocess.run([*HANGUP.split(), str(engine.pid)], check=True)
            engine.wait_for("configuration applied|nothing has changed")


@contextmanager
def provider(folder: Path) -> Iterator[str]:
    """A provider of look-up files; where it is."""
    with running_mirror() as mirror:
        for name, record in (("city", mmdb.DB_IP_CITY), ("asn", mmdb.MAXMIND_ASN)):
            networks = {"8.0.0.0/8": record, "1.0.0.0/8": record}
            file = write_mmdb(folder / "made.mmdb", networks, kind=f"DBIP-{name}-Lite", built_at=int(time.time()) - 60)
            path = f"/dbip-{name}-lite-{datetime.now(UTC):%Y-%m}.mmdb.gz"
            mirror.files[path] = Served(gzip.compress(file.read_bytes()))
        yield mirror.url


@contextmanager
def running(folder: Path, environ: dict[str, str], collector: Collector) -> Iterator[EngineProcess]:
    """The engine of `RUN`, ended by Ctrl+C."""
    with EngineProcess(folder, *arguments_of(RUN.line), environ=environ) as engine:
        collector.add([{**RECORD, "ip": "8.8.8.10"}])
        with page_of(engine) as page:
            page.until(lambda seen: seen.health.ready and seen.totals.written == 1)
        yield engine
        engine.send(signal.SIGINT)
        assert engine.wait() == RUN.code


def arguments_of(line: str) -> list[str]:
    """What follows `python -m engine`."""
    program, dash_m, engine, *arguments = shlex.split(line.partition("<")[0])
    assert [program, dash_m, engine] == ENGINE.split()
    return arguments


def typed_all(folder: Path, steps: Sequence[Step], environ: dict[str, str]) -> None:
    """Type one after the other."""
    for step in steps:
        arguments = arguments_of(step.line)
        if step.until is None:
            stdin = (folder / "mended.json").read_bytes() if "<" in step.line else b""
            ended = run_command(folder, *arguments, stdin=stdin, environ=environ)
            assert ended.code == step.code, (step, ended)
            continue
        with closing(Terminal(folder, environ, *arguments)) as terminal:
            terminal.until(step.until)
            terminal.process.send_signal(signal.SIGINT)
            assert terminal.end() == step.code, step
