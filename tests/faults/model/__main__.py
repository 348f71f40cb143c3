"""Replays one run, or prints how often each protocol loses in each cell.

python -m tests.faults.model --cell "queue emptied" --seed 7 --trace
python -m tests.faults.model --table --runs 300
"""
# ruff: noqa: T201 - a command speaks

import argparse
import time

from tests.faults.model.faults import CELLS, CLOCK_STEPS, PAGE_SIZES_DIFFER, SHARP
from tests.faults.model.protocols import OURS, RIVALS
from tests.faults.model.run import run
from tests.faults.model.world import DOCUMENTED

PROTOCOLS = {"ours": OURS} | RIVALS
ALL_CELLS = CELLS | SHARP | {"clock steps": CLOCK_STEPS, "page sizes differ": PAGE_SIZES_DIFFER}


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cell", choices=sorted(ALL_CELLS), default="everything")
    parser.add_argument("--protocol", choices=sorted(PROTOCOLS), default="ours")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trace", action="store_true", help="print what happened")
    parser.add_argument("--table", action="store_true", help="run every protocol in every cell instead")
    parser.add_argument("--runs", type=int, default=100, help="seeds for each entry of the table")
    options = parser.parse_args()
    if options.table:
        _table(options.runs)
        return
    outcome = run(ALL_CELLS[options.cell], options.seed, PROTOCOLS[options.protocol], tracing=options.trace)
    print(*outcome.trace, outcome, sep="\n")


def _table(runs: int) -> None:
    """Runs that lost records / that hid some too early; and, after the plus, runs with documented losses."""
    began = time.perf_counter()
    print("| faults |", " | ".join(PROTOCOLS), "|")
    print("| --- |", " | ".join("---" for _ in PROTOCOLS), "|")
    for name, faults in CELLS.items():
        entries = []
        for protocol in PROTOCOLS.values():
            outcomes = [run(faults, seed, protocol) for seed in range(runs)]
            gone = sum(bool(set(outcome.gone.values()) - DOCUMENTED) for outcome in outcomes)
            early = sum(bool(outcome.causes.keys() - DOCUMENTED) for outcome in outcomes)
            documented = sum(bool(outcome.causes.keys() & DOCUMENTED) for outcome in outcomes)
            entries.append(f"{gone} / {early}" + (f" + {documented}" if documented else ""))
        print(f"| {name} |", " | ".join(entries), "|", flush=True)
    count = len(CELLS) * len(PROTOCOLS) * runs
    print(f"{count} runs, {count / (time.perf_counter() - began):.0f} a second")


if __name__ == "__main__":
    main()
