"""The results of a fault run as a table: `python -m tests.faults.report RESULTS.jsonl --to FILE.md`.

Every cell that ran is a line of the file: `pytest tests/faults --whole --results RESULTS.jsonl`.
"""

import argparse
import json
import platform
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from attrs import asdict, frozen

OPTION = "--results"


@frozen
class Result:
    """What a cell came to: empty `problems` is passed. `confirmed` counts records, where confirms were watched."""

    suite: str
    scenario: str
    cell: str
    problems: Sequence[str]
    seconds: float
    confirmed: int = 0


def note(config: pytest.Config, result: Result) -> None:
    """Append a result to the file of `--results`, if there is one."""
    file = config.getoption(OPTION, default=None)
    if file is not None:
        append(Path(file), result)


def append(file: Path, result: Result) -> None:
    """Append a result to a file."""
    with file.open("a") as stream:
        stream.write(json.dumps(asdict(result)) + "\n")


def read(lines: Iterable[str]) -> list[Result]:
    """The results of a file."""
    return [Result(**json.loads(line)) for line in lines if line.strip()]


def table(results: Sequence[Result]) -> str:
    """Scenario, runs, passed, worst time; in the order in which the scenarios first ran."""
    lines = ["| suite | scenario | runs | passed | worst time | records confirmed |", "|" + " --- |" * 6]
    for suite, scenario in dict.fromkeys((result.suite, result.scenario) for result in results):
        runs = [result for result in results if (result.suite, result.scenario) == (suite, scenario)]
        passed = sum(not result.problems for result in runs)
        worst = max(result.seconds for result in runs)
        confirmed = sum(result.confirmed for result in runs)
        lines.append(f"| {suite} | {scenario} | {len(runs)} | {passed} | {worst:.1f} s | {confirmed or '-'} |")
    return "\n".join(lines)


def page(results: Sequence[Result]) -> str:
    """The table as a page, with what failed."""
    failed = [
        f"{result.suite} {result.cell}:\n\n" + "\n".join(result.problems) for result in results if result.problems
    ]
    head = f"# Results of the fault suite\n\nWritten by `nox -s faults`, Python {platform.python_version()}.\n\n"
    return head + table(results) + "\n" + "".join(f"\n## Failed: {text}\n" for text in failed)


def main() -> None:
    """Write the page; exit code 1 where something failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.report", description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("--to", type=Path, help="a file; unset: standard output")
    options = parser.parse_args()
    results = read(options.results.read_text().splitlines())
    if options.to is None:
        sys.stdout.write(page(results))
    else:
        options.to.write_text(page(results))
    sys.exit(any(result.problems for result in results))


if __name__ == "__main__":
    main()
