"""`python -m tests.faults.planted`: plant every bug in turn; exit code 1 where one is not caught."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.faults.planted.patches import Planted, read_all
from tests.faults.planted.trial import copied, plant, run_tests
from tests.faults.report import append


def main() -> None:
    """Try the bugs that were asked for, or all; a line each."""
    known = {planted.name: planted for planted in read_all()}
    parser = argparse.ArgumentParser(prog="python -m tests.faults.planted", description=__doc__)
    parser.add_argument("--only", action="append", choices=known, metavar="NAME", help="only this one; may be repeated")
    parser.add_argument("--results", type=Path, metavar="FILE", help="append what came of each, one JSON object a line")
    options = parser.parse_args()
    chosen = [known[name] for name in options.only or known]
    sound = show_that_they_pass(chosen)
    say(f"\n| {'bug':36} | seconds | caught by |\n| --- | --- | --- |")
    survivors = [planted.name for planted in chosen if not is_caught(planted, options.results)]
    say(f"\n{len(chosen) - len(survivors)} of {len(chosen)} caught; survived: {', '.join(survivors) or 'none'}")
    sys.exit(bool(survivors) or not sound)


def show_that_they_pass(chosen: Sequence[Planted]) -> bool:
    """Run all the tests that are named without any bug; whether they pass."""
    with copied() as tree:
        run = run_tests(tree, sorted({test for planted in chosen for test in planted.tests}))
    say(run.output if run.code else f"without a bug all pass: {run.output.splitlines()[-1]}")
    return run.code == 0


def is_caught(planted: Planted, results: Path | None) -> bool:
    """Try one bug, and say what came of it."""
    result, failed = plant(planted)
    if results is not None:
        append(results, result)
    more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
    say(f"| {planted.name:36} | {result.seconds:7.1f} | {failed[0] if failed else 'NOBODY'}{more} |")
    for problem in result.problems:
        say(problem)
    return not result.problems


def say(text: str) -> None:
    """A line for whoever watches."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
