"""One trial: a copy of the source with one bug in it, and what the tests say of that copy."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from xml.etree.ElementTree import parse

from attrs import frozen

from tests.faults.planted.patches import REPOSITORY, MisfitError, Planted
from tests.faults.report import Result

COPIED = ("engine", "adapters", "tests", "pyproject.toml")
RUN_SECONDS = 900.0
SOME_FAILED = 1
TIMED_OUT = "Failed: Timeout"
"""How pytest's report begins with a test that was ended by the clock: on a busy machine that says nothing."""


@frozen
class Run:
    """What pytest said: its exit code, and the tests that failed. An error around a test is no failure of it."""

    code: int
    failed: Sequence[str]
    output: str
    seconds: float


@contextmanager
def copied() -> Iterator[Path]:
    """A copy of the source, of which everything runs that is started there."""
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        tree = Path(folder).resolve() / "tree"
        tree.mkdir()
        for part in COPIED:
            origin = REPOSITORY / part
            if origin.is_dir():
                shutil.copytree(origin, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(origin, tree / part)
        check_origin(tree)
        yield tree


def check_origin(tree: Path) -> None:
    """See that a process started anywhere imports the copy, not what is installed. Raises RuntimeError."""
    asked = "import adapters, engine, tests; print(adapters.__file__, engine.__file__, tests.__file__, sep='\\n')"
    command = [sys.executable, "-c", asked]
    done = subprocess.run(command, cwd="/", env=environ_of(tree), capture_output=True, text=True, check=True)
    strangers = [line for line in done.stdout.splitlines() if not Path(line).resolve().is_relative_to(tree)]
    if strangers:
        raise RuntimeError(f"not the copy is what would run, but {strangers}")


def environ_of(tree: Path) -> Mapping[str, str]:
    """The environment in which the tree comes before everything that is installed."""
    return os.environ | {"PYTHONPATH": str(tree)}


def run_tests(tree: Path, tests: Sequence[str]) -> Run:
    """Run tests of a tree to their end, or for RUN_SECONDS."""
    report = tree / "report.xml"
    options = ["-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=tree, env=environ_of(tree), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    ) as pytest:  # fmt: skip
        try:
            output, _ = pytest.communicate(timeout=RUN_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(pytest.pid, signal.SIGKILL)  # its servers and engines, too
            output = f"pytest did not end in {RUN_SECONDS:g} s"
    return Run(pytest.returncode, failed_in(report), output, time.monotonic() - began)


def failed_in(report: Path) -> list[str]:
    """The tests that failed, by a report of pytest; none where it wrote no report."""
    if not report.exists():
        return []
    cases = parse(report).getroot().iter("testcase")
    failures = [(case.get("name"), failure.get("message")) for case in cases for failure in case.iter("failure")]
    return [str(name) for name, message in failures if not str(message).startswith(TIMED_OUT)]


def plant(planted: Planted) -> tuple[Result, Sequence[str]]:
    """Try one bug: the result, whose problem is that it was not caught, and the tests that caught it."""
    with copied() as tree:
        try:
            planted.apply(tree)
        except MisfitError as error:
            return result_of(planted, [f"the patch does not apply: {error}"], 0.0), []
        run = run_tests(tree, planted.tests)
    is_caught = run.code == SOME_FAILED and run.failed
    problems = [] if is_caught else [f"not caught (pytest ended with {run.code}): {run.output[-2000:]}"]
    return result_of(planted, problems, run.seconds), run.failed


def result_of(planted: Planted, problems: Sequence[str], seconds: float) -> Result:
    """As a line of the results."""
    return Result("planted bugs", planted.bug, planted.name, problems, seconds)
