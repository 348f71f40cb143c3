"""`indexes`: what each index of the schema command costs, by the floor: the same rows into tables with and without it.

All the tables are in one database, each pair has a connection of its own, and every batch goes into all of them, one
after the other, in an order that changes from batch to batch: what makes the machine slower for a while favours none.
CPU is that of the server's thread behind a connection, to the nanosecond; what its other threads do later, flushing
pages, comes on top and is no part of it.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from attrs import define

from adapters.sinks.indexes import INDEXES, mysql_index
from benchmarks import corpus
from benchmarks.corpus import Corpus, Seen
from benchmarks.floor import BATCH_SIZE, facts_of
from benchmarks.floor_rows import columns_of, rows_of, split, written_out
from benchmarks.floor_writer import Writer
from benchmarks.ground import Ground, MysqlPlace, Options, Work, work_of
from benchmarks.mmdb import city_file
from benchmarks.report import Report, spread
from engine.sighting import Facts

COLUMNS = ("index", "mariadbd CPU s per 100,000", "more", "in per cent", "MiB per 100,000 rows", "more MiB")
NETWORKS = 500
"""How many autonomous systems the addresses are in: the look-up file of the benchmarks knows none."""
NONE = "none"


@define
class Spent:
    """What one pair of tables has cost: CPU seconds of the server's thread, and bytes on disk."""

    cpu: float = 0.0
    size: int = 0


def run(ground: Ground, options: Options) -> Report:
    """All of them, `options.runs` times. Raises AssertionError if any run is not exact."""
    work = work_of(corpus.make(options.records, options.seed), ground.folder)
    facts = placed(ground, work, options.seed)
    rounds = [_round(ground, work, facts) for _ in range(options.runs)]
    title = f"{len(work.corpus):,} sightings of {len(work.corpus.addresses):,} addresses into each of the tables"
    scale = 100_000 / len(work.corpus)
    rows = [_row(name, rounds, scale) for name in rounds[0]]
    data = {name: [(done[name].cpu * scale, done[name].size * scale) for done in rounds] for name in rounds[0]}
    return Report("indexes", title, COLUMNS, rows, [], data)


def placed(ground: Ground, work: Work, seed: int) -> Mapping[str, Facts]:
    """A country, a city and a network for every address."""
    file = city_file(ground.folder / "city.mmdb", work.corpus.addresses, seed)
    return {
        ip: known._replace(asn=4_000 + number * 7919 % NETWORKS)
        for number, (ip, known) in enumerate(facts_of(work, [file]).items())
    }


def _round(ground: Ground, work: Work, facts: Mapping[str, Facts]) -> Mapping[str, Spent]:
    """Every batch into all tables; `NONE` are those without any index."""
    spent = {name: Spent() for name in [NONE, *INDEXES]}
    with ground.place([_kind(name) for name in spent]) as place:
        assert isinstance(place, MysqlPlace)
        with place.server.connect(place.name) as connection, connection.cursor() as cursor:
            for name, index in INDEXES.items():
                cursor.execute(mysql_index(_kind(name), index))
        _pour(place, work, facts, spent)
        for name, cost in spent.items():
            cost.size = _size(place, _kind(name))
            place.check(_of_kind(work.corpus.records, _kind(name)).expected())
    return spent


def _pour(place: MysqlPlace, work: Work, facts: Mapping[str, Facts], spent: Mapping[str, Spent]) -> None:
    columns = columns_of(facts)
    literals = written_out(facts, columns)
    (batches,) = split(work.corpus.records, 1, BATCH_SIZE)
    names = list(spent)
    with ExitStack() as stack:
        writers = {name: stack.enter_context(Writer(place.server.port, place.name, columns)) for name in names}
        stats = {name: Path(f"/proc/{place.server.pid}/task/{writers[name].thread}/schedstat") for name in names}
        for number, batch in enumerate(batches):
            turn = number % len(names)
            for name in (*names[turn:], *names[:turn]):
                rows = rows_of(_of_kind(batch, _kind(name)).records, literals)
                before = _cpu_seconds(stats[name])
                writers[name].write(rows)
                spent[name].cpu += _cpu_seconds(stats[name]) - before


def _kind(name: str) -> str:
    """The botnet type whose tables have that index."""
    return f"with_{name}"


def _of_kind(records: Sequence[Seen], kind: str) -> Corpus:
    return Corpus([seen._replace(kind=kind) for seen in records])


def _cpu_seconds(stat: Path) -> float:
    return int(stat.read_text().split()[0]) / 1e9


def _size(place: MysqlPlace, kind: str) -> int:
    with place.asking() as ask:
        ask(f"ANALYZE TABLE botnet_nodes_{kind}, botnet_communications_{kind}")
        ((size,),) = ask(
            "SELECT SUM(DATA_LENGTH + INDEX_LENGTH) FROM information_schema.TABLES "
            f"WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN ('botnet_nodes_{kind}', 'botnet_communications_{kind}')"
        )
    return int(str(size))


def _row(name: str, rounds: Sequence[Mapping[str, Spent]], scale: float) -> Sequence[str]:
    cpu = spread([done[name].cpu * scale for done in rounds])
    more = spread([(done[name].cpu - done[NONE].cpu) * scale for done in rounds])
    share = spread([done[name].cpu / done[NONE].cpu - 1 for done in rounds])
    size, base = rounds[0][name].size * scale / 2**20, rounds[0][NONE].size * scale / 2**20
    compared = ("", "") if name == NONE else (more.show("+.2f"), share.show("+.0%"))
    return (name, cpu.show(".2f"), *compared, f"{size:.0f}", "" if name == NONE else f"{size - base:+.0f}")
