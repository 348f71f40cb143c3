"""python -m tests.collector: a collector on loopback; prints its URL, then serves until it is killed."""

import argparse
import json
import sys
import threading
from pathlib import Path

from tests.collector.records import seeded_records
from tests.collector.server import Collector
from tests.collector.spool import GeneratedSpool


def main() -> None:
    """Read the options and serve."""
    options = _options()
    collector = Collector(port=options.port, api_key=options.api_key)
    if options.generated:
        collector.spool = GeneratedSpool(options.generated)
    collector.spool.gap_every = options.gap_every
    if options.confirm_log is not None:
        log = options.confirm_log.open("a", encoding="utf-8", buffering=1)
        collector.spool.on_confirm = lambda entry: print(json.dumps(entry), file=log)
    if options.pull_log is not None:
        pulls = options.pull_log.open("a", encoding="utf-8", buffering=1)
        collector.on_pull = lambda entry: print(json.dumps(entry), file=pulls)
    if options.records is not None:
        with options.records.open("rb") as lines:
            collector.spool.add(line for line in lines if line.strip())
    shares = {"duplicates": options.duplicates, "broken": options.broken}
    collector.spool.add(seeded_records(options.seeded, options.seed, **shares))
    sys.stdout.write(f"{collector.url}\n")
    sys.stdout.flush()
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    if options.until_eof:
        sys.stdin.buffer.read()
    else:
        threading.Event().wait()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.collector", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--api-key", help="unset: everybody may pull")
    parser.add_argument("--records", type=Path, help="a file with one JSON record a line")
    parser.add_argument("--seeded", type=int, default=0, metavar="N", help="invent N records")
    parser.add_argument("--generated", type=int, default=0, metavar="N", help="have N records, made when pulled")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--duplicates", type=float, default=0.0, help="share of invented records that repeat another")
    parser.add_argument("--broken", type=float, default=0.0, help="share of invented records that are broken")
    parser.add_argument("--gap-every", type=int, default=0, metavar="K", help="burn a number after every K records")
    parser.add_argument("--confirm-log", type=Path, help="append every applied confirm as one JSON line")
    parser.add_argument("--pull-log", type=Path, help="append every answered pull as one JSON line")
    parser.add_argument("--until-eof", action="store_true", help="end when standard input ends")
    return parser.parse_args()


if __name__ == "__main__":
    main()
