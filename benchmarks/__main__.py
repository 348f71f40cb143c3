"""`python -m benchmarks`: throughput per worker count, rows and counters checked after every run."""

import argparse
import platform
import statistics
import tempfile
from pathlib import Path

from benchmarks.throughput import Result, Scenario


def main() -> None:
    """Run every worker count `--runs` times, interleaved so that noise hits all alike, and print a table."""
    parser = argparse.ArgumentParser(prog="nox -s bench --", description=__doc__)
    parser.add_argument("--records", type=int, default=100_000, help="sightings per run (default: %(default)s)")
    parser.add_argument("--workers", default="1,2,4", help="worker counts (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the corpus (default: %(default)s)")
    arguments = parser.parse_args()
    counts = [int(text) for text in arguments.workers.split(",")]
    results: dict[int, list[Result]] = {count: [] for count in counts}
    with tempfile.TemporaryDirectory(prefix="engine-bench-") as folder:
        scenario = Scenario(Path(folder), arguments.records, arguments.seed)
        with scenario:
            machine = f"{platform.machine()}, Python {platform.python_version()}"
            print(f"{arguments.records:,} sightings, seed {arguments.seed}; {machine}")
            for _ in range(arguments.runs):
                for count in counts:
                    results[count].append(scenario.run(count))
    print_table(results)


def print_table(results: dict[int, list[Result]]) -> None:
    """Median and spread per worker count."""
    print(f"{'workers':>7} {'records/s':>10} {'lowest':>10} {'highest':>10} {'CPU s per 100,000':>18}  rows")
    for count, runs in results.items():
        rates = [run.records_per_second for run in runs]
        cpu = statistics.median(run.cpu_seconds_per_100k for run in runs)
        median = statistics.median(rates)
        print(f"{count:>7} {median:>10,.0f} {min(rates):>10,.0f} {max(rates):>10,.0f} {cpu:>18.2f}  exact")


if __name__ == "__main__":
    main()
