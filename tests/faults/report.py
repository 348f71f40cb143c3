"""The results of a fault run as a table: `python -m tests.faults.report RESULTS.jsonl --to FILE.md --readme README.md`.

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
BEGIN, END = "<!-- faults -->", "<!-- /faults -->"


@frozen
class Result:
    """What a cell came to: empty `problems` is survival. `confirmed` counts records, where confirms were watched.

    A cell may stand for many `runs`: all of them survived, or it did not.
    """

    suite: str
    scenario: str
    cell: str
    problems: Sequence[str]
    seconds: float
    confirmed: int = 0
    runs: int = 1


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
    """Scenario, runs, survived, worst time; in the order in which the scenarios first ran."""
    lines = ["| suite | scenario | runs | survived | worst time | records confirmed |", "|" + " --- |" * 6]
    for suite, scenario in dict.fromkeys((result.suite, result.scenario) for result in results):
        cells = [result for result in results if (result.suite, result.scenario) == (suite, scenario)]
        confirmed = sum(result.confirmed for result in cells)
        lines.append(f"| {suite} | {scenario} | {_figures(cells)} | {confirmed or '-'} |")
    return "\n".join(lines)


def summary(results: Sequence[Result]) -> str:
    """The same, a line a suite."""
    lines = ["| suite | scenarios | runs | survived | worst time |", "|" + " --- |" * 5]
    for suite in dict.fromkeys(result.suite for result in results):
        cells = [result for result in results if result.suite == suite]
        lines.append(f"| {suite} | {len({result.scenario for result in cells})} | {_figures(cells)} |")
    return "\n".join(lines)


def _figures(cells: Sequence[Result]) -> str:
    runs = sum(result.runs for result in cells)
    survived = sum(result.runs for result in cells if not result.problems)
    return f"{runs:,} | {survived:,} | {max(result.seconds for result in cells):.1f} s"


def with_table(readme: str, made: str) -> str:
    """The README with the table between its markers."""
    head, _, rest = readme.partition(f"{BEGIN}\n")
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{made}\n{END}{tail}"


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
    parser.add_argument("--readme", type=Path, help="a file with a place for the summary")
    options = parser.parse_args()
    results = read(options.results.read_text().splitlines())
    if options.to is None:
        sys.stdout.write(page(results))
    else:
        options.to.write_text(page(results))
    if options.readme is not None:
        options.readme.write_text(with_table(options.readme.read_text(), summary(results)))
    sys.exit(any(result.problems for result in results))


if __name__ == "__main__":
    main()
