"""`mmdb`: the whole job with an MMDB city look-up, every address in a network of its own, beside the floor."""

import random
from collections.abc import Mapping
from pathlib import Path

from benchmarks import corpus
from benchmarks.comparison import in_rounds, lines, ratio_targets, summed_up
from benchmarks.engine_run import idle_cpu
from benchmarks.ground import Ground, Options, work_of
from benchmarks.report import Report
from benchmarks.throughput import FLOORS, costs, ways_of
from tests.mmdb import write_mmdb

RATIO = 0.7
PLACES = 4_000
COUNTRIES = (
    ("AS", "Asia", "CN", "China"), ("EU", "Europe", "DE", "Germany"), ("SA", "South America", "BR", "Brazil"),
    ("NA", "North America", "US", "United States"), ("AS", "Asia", "VN", "Vietnam"), ("AF", "Africa", "EG", "Egypt"),
)  # fmt: skip


def run(ground: Ground, options: Options) -> Report:
    """All worker counts. Raises AssertionError if any run is not exact."""
    work = work_of(corpus.make(options.records, options.seed, types=options.types), ground.folder)
    addresses = work.corpus.addresses
    file = city_file(ground.folder / "city.mmdb", addresses, options.seed)
    runs = in_rounds(ways_of(ground, work, options, [file]), options.workers, options.runs)
    compared = lines(runs, options.workers, FLOORS, idle_cpu(ground, options))
    title = f"{len(work.corpus):,} sightings of {len(addresses):,} addresses, MMDB city look-up, all of them cached"
    return summed_up("mmdb", title, compared, runs, [*ratio_targets(compared, RATIO), *costs(compared)[:1]])


def city_file(path: Path, addresses: list[str], seed: int) -> Path:
    """Write a file in MaxMind's form that places every address somewhere."""
    dice = random.Random(seed)
    places = [_place(dice, number) for number in range(PLACES)]
    return write_mmdb(path, {address: dice.choice(places) for address in addresses})


def _place(dice: random.Random, number: int) -> Mapping[str, object]:
    continent_code, continent, code, country = dice.choice(COUNTRIES)
    return {
        "city": {"geoname_id": number, "names": {"de": f"Stadt {number}", "en": f"City of {number}"}},
        "continent": {"code": continent_code, "names": {"en": continent}},
        "country": {"iso_code": code, "names": {"en": country}},
        "location": {
            "accuracy_radius": 50,
            "latitude": round(dice.uniform(-60, 70), 4),
            "longitude": round(dice.uniform(-180, 180), 4),
            "time_zone": "Etc/UTC",
        },
        "subdivisions": [{"iso_code": f"{number % 90}", "names": {"en": f"Province {number % 90}"}}],
    }
