"""`python -m benchmarks`: scenarios, each in its file; a run that is not exact ends the benchmark without a figure."""

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks import embedded, growth, indexes, large, latency, memory, mmdb, scale, small, start, throughput, waiting
from benchmarks.ground import Ground, Options, ground
from benchmarks.machine import describe
from benchmarks.peers import scenario as peers
from benchmarks.report import Report

SCENARIOS: Mapping[str, Callable[[Ground, Options], Report]] = {
    "throughput": throughput.run,
    "mmdb": mmdb.run,
    "waiting": waiting.run,
    "embedded": embedded.run,
    "latency": latency.run,
    "start": start.run,
    "small": small.run,
    "memory": memory.run,
    "growth": growth.run,
    "large": large.run,
    "indexes": indexes.run,
    "scale": scale.run,
    "peers": peers.run,
}


def main() -> None:
    """Run the scenarios asked for, print their tables, and keep their figures where asked."""
    arguments = parser().parse_args()
    options = Options(
        records=arguments.records,
        workers=[int(text) for text in arguments.workers.split(",")],
        runs=arguments.runs,
        seed=arguments.seed,
        types=arguments.types,
        queue=arguments.queue,
        database=arguments.database,
    )
    names = names_in("peers" if arguments.peers else arguments.scenario)
    for name in names:
        with tempfile.TemporaryDirectory(prefix="engine-bench-") as folder, ground(Path(folder)) as where:
            report = SCENARIOS[name](where, options)
        print(report.text(), flush=True)
        if arguments.json is not None:
            keep(arguments.json, name, describe(options) | report.as_dict())


def names_in(text: str) -> list[str]:
    """The scenarios asked for; `all` are those that need no packages but the engine's, and no quarter of an hour."""
    return [name for name in SCENARIOS if name not in {"peers", "large"}] if text == "all" else text.split(",")


def keep(file: Path, name: str, result: dict[str, object]) -> None:
    """Put the result of one scenario into the file, beside what is there of others."""
    results = json.loads(file.read_text()) if file.exists() else {}
    order = list(SCENARIOS)
    results = dict(sorted((results | {name: result}).items(), key=lambda each: order.index(each[0])))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(results, indent=1) + "\n")


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(prog="nox -s bench --", description=__doc__)
    made.add_argument("--scenario", default="throughput", help=f"a list of {', '.join(SCENARIOS)}; or all")
    made.add_argument("--peers", action="store_true", help="the scenario peers; nox then installs their packages")
    made.add_argument("--records", type=int, default=100_000, help="sightings per run (default: %(default)s)")
    made.add_argument("--workers", default="1,2,4,8", help="worker counts (default: %(default)s)")
    made.add_argument("--runs", type=int, default=3, help="rounds (default: %(default)s)")
    made.add_argument("--seed", type=int, default=1, help="seed of the corpus (default: %(default)s)")
    made.add_argument("--types", type=int, default=1, help="botnet types in the corpus (default: %(default)s)")
    made.add_argument("--queue", choices=["redis", "sqlite", "memory"], default="redis")
    made.add_argument("--database", choices=["mysql", "sqlite"], default="mysql")
    made.add_argument("--json", type=Path, help="keep all figures in this file; other scenarios in it stay")
    return made


if __name__ == "__main__":
    main()
