"""Runs seeds: `python -m tests.faults.simulation [--seed N] [--runs N] [-v]`."""
# ruff: noqa: T201 - printing is its purpose

import argparse
import sys
import time
from collections import Counter

from tests.faults.simulation.run import Outcome, simulate


def main() -> int:
    """Run them; 1 when one of them finds something."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--runs", type=int, default=1, help="how many seeds, one after the other")
    parser.add_argument("-v", "--verbose", action="store_true", help="print everything that happens")
    options = parser.parse_args()
    began, counts, failed = time.perf_counter(), Counter[str](), 0
    for seed in range(options.seed, options.seed + options.runs):
        outcome = simulate(seed, is_traced=options.verbose)
        _show(outcome)
        counts += outcome.counts
        failed += bool(outcome.problems)
    seconds = time.perf_counter() - began
    print(f"{options.runs} runs, {failed} failed, {seconds:.1f} s, {options.runs / seconds:.1f} runs/s")
    print(", ".join(f"{what} {count}" for what, count in sorted(counts.items())))
    return 1 if failed else 0


def _show(outcome: Outcome) -> None:
    if outcome.trace:
        print(outcome.plan, *outcome.trace, sep="\n")
    if outcome.trace or outcome.problems:
        print(outcome, flush=True)


if __name__ == "__main__":
    sys.exit(main())
