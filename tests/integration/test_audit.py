"""`audit` as a user types it: exact at every moment, and able to find what is missing."""

import json
import signal
from pathlib import Path

from tests.collector import running_collector
from tests.collector.records import seeded_records
from tests.engine_process import EngineProcess
from tests.integration.places import Place, SqlitePlace, configure, typed

MANY = 20_000


def audited(place: Place, *arguments: str, code: int = 0) -> dict[str, int]:
    """What the audit says of the only source."""
    ended = typed(place, "audit", "--json", *arguments)
    assert ended.code == code, ended.output + ended.errors
    answer = json.loads(ended.output)
    assert answer["balanced"] == (code == 0)
    (source,) = answer["sources"]
    found: dict[str, int] = source
    settled = found["written"] + found["duplicates"] + found["rejected"]
    assert found["missing"] == found["received"] - settled - found["queued"]
    return found


def brought_home(place: Place, count: int = 600, seed: int = 1, *command: str) -> None:
    """Let an engine bring records of a fresh collector home, whatever the place has seen before."""
    with running_collector() as collector:
        configure(place, collector.url)
        collector.add(seeded_records(count, seed, duplicates=0.05, broken=0.02))
        assert typed(place, *(command or ("run",)), "--once").code == 0


def test_nothing_is_balanced(place: Place) -> None:
    """Before the first run there is nothing to account for."""
    configure(place, "http://127.0.0.1:1")
    ended = typed(place, "audit")
    assert (ended.code, ended.output) == (0, "nothing was ever received\n")


def test_what_waits_in_the_queue_is_accounted_for(place: Place) -> None:
    """Queued first, then written, duplicate or rejected; for people, too."""
    brought_home(place, 600, 1, "fetch")
    queued = audited(place)
    assert (queued["received"], queued["queued"]) == (600, 600)
    assert typed(place, "worker", "--once").code == 0
    done = audited(place)
    assert (done["received"], done["queued"], done["unremembered"]) == (600, 0, 0)
    assert done["duplicates"] > 0
    assert done["rejected"] == place.rows("SELECT COUNT(*) FROM dead_letters")[0][0]
    said = typed(place, "audit").output.splitlines()
    assert said[1].split()[:2] == ["s1", "600"]
    assert said[-1] == "balanced: received = written + duplicates + rejected + queued"
    assert f"the queue has receipts since {done['remembered_since']} UTC" in said[-2]


def test_it_balances_while_an_engine_runs_and_after_it_was_killed(place: Place) -> None:
    """Asked in the middle of the work, after a kill -9 in the middle of it, and when all is done."""
    with running_collector() as collector:
        configure(place, collector.url, worker={"worker_count": 2}, engine={"name": "one"})
        collector.add(seeded_records(MANY, duplicates=0.05, broken=0.02))
        with EngineProcess(place.folder, "run") as engine:
            engine.wait_for("batch written")
            running = [audited(place) for _ in range(3)]
            assert engine.is_running
            engine.kill()
        killed = audited(place)
        assert [found["unremembered"] for found in (*running, killed)] == [0] * 4
        assert 0 < running[0]["received"] <= killed["received"]
        assert typed(place, "worker", "--once").code == 0
        done = audited(place)
        assert (done["received"], done["queued"]) == (killed["received"], 0)


def test_a_soft_stop_leaves_a_balance(place: Place) -> None:
    """What is given back is queued."""
    with running_collector() as collector:
        configure(place, collector.url)
        collector.add(seeded_records(MANY))
        with EngineProcess(place.folder, "run") as engine:
            engine.wait_for("batch written")
            engine.send(signal.SIGTERM)
            assert engine.wait(15) == 0
        assert audited(place)["received"] > 0


def test_a_ledger_row_that_is_gone_is_missed(place: Place) -> None:
    """Exit code 1, and how many records have no account."""
    brought_home(place)
    ((name, received),) = place.rows("SELECT name, received FROM engine_ledger WHERE written > 0 ORDER BY id LIMIT 1")
    place.rows(f"DELETE FROM engine_ledger WHERE name = '{name}'")
    assert audited(place, code=1)["missing"] == received
    ended = typed(place, "audit")
    assert ended.code == 1
    assert f"s1: {received} records were received, and are neither in the ledger nor in the queue" in ended.output
    assert ended.output.splitlines()[-1] == "NOT balanced"


def test_a_ledger_row_that_does_not_add_up_is_found(place: Place) -> None:
    """Whether it says less than was received, or more."""
    brought_home(place)
    place.rows("UPDATE engine_ledger SET written = written - 1 WHERE id = 1")
    found = audited(place, code=1)
    assert (found["broken_rows"], found["missing"]) == (1, 1)
    place.rows("UPDATE engine_ledger SET written = written + 3, received = received + 2 WHERE id = 1")
    found = audited(place, code=1)
    assert (found["broken_rows"], found["missing"]) == (0, -2)
    assert "accounts for 2 records more than were received" in typed(place, "audit").output


def test_a_delivery_that_is_gone_is_missed(place: Place) -> None:
    """What the queue lost behind its back is in neither place."""
    brought_home(place, 600, 1, "fetch")
    place.lose_queued()
    assert audited(place, code=1)["missing"] == 600


def test_a_counter_that_is_off_names_its_botnet_type(place: Place) -> None:
    """Also where every record is accounted for."""
    brought_home(place)
    place.rows("UPDATE botnet_nodes_ramnit SET communication_count = communication_count + 1 WHERE id = 1")
    ended = typed(place, "audit", "--json")
    assert ended.code == 1
    answer = json.loads(ended.output)
    assert [kind["botnet_type"] for kind in answer["botnet_types"] if not kind["exact"]] == ["ramnit"]
    assert answer["sources"][0]["balanced"]
    assert "botnet type ramnit: its nodes count " in typed(place, "audit").output


def test_since_narrows_the_audit(place: Place) -> None:
    """To the batches put at that time or later."""
    brought_home(place)
    assert audited(place, "--since", "24h")["received"] == 600
    assert audited(place, "--since", "2999-01-01")["received"] == 0
    assert typed(place, "audit", "--since", "a while").code == 2


def test_since_looks_at_when_a_batch_was_put(tmp_path: Path) -> None:
    """A day's audit does not contain what came the day before."""
    place = SqlitePlace(tmp_path)
    brought_home(place)
    place.in_queue("UPDATE receipts SET put_at = datetime('now', '-30 hours') WHERE delivery = 1")
    place.rows("UPDATE engine_ledger SET created_time = datetime('now', '-30 hours') WHERE id = 1")
    ((size,),) = place.in_queue("SELECT size FROM receipts WHERE delivery = 1")
    found = audited(place, "--since", "24h")
    assert (found["received"], found["unremembered"]) == (600 - int(str(size)), 0)
    assert audited(place, "--since", "2d")["received"] == 600


def test_a_source_and_a_queue_that_both_begin_anew(place: Place) -> None:
    """Other records under the same numbers are other batches: none stands in for another that is lost."""
    brought_home(place, 300, 1)
    place.empty_queue()
    brought_home(place, 300, 2)
    found = audited(place)
    assert (found["received"], found["unremembered"], found["queued"]) == (300, 300, 0)
    assert "300 more are in the ledger without a receipt" in typed(place, "audit").output
    ((written,),) = place.rows("SELECT SUM(written) FROM engine_ledger")
    tables = place.rows("SELECT DISTINCT botnet_type FROM engine_ledger WHERE botnet_type <> ''")
    counts = [place.rows(f"SELECT COUNT(*) FROM botnet_communications_{kind}")[0][0] for (kind,) in tables]
    assert int(str(written)) == sum(int(str(count)) for count in counts)
    place.empty_queue()
    brought_home(place, 300, 3, "fetch")
    place.lose_queued()
    assert audited(place, code=1)["missing"] == 300


def test_a_queue_in_memory_leaves_no_receipts(tmp_path: Path) -> None:
    """Its rows are checked against themselves."""
    place = SqlitePlace(tmp_path)
    with running_collector() as collector:
        configure(place, collector.url)
        collector.add(seeded_records(300))
        assert typed(place, "run", "--once", "--queue", "memory://").code == 0
    found = audited(place, "--queue", "memory://")
    assert (found["received"], found["unremembered"]) == (0, 300)
    assert found["remembered_since"] is None


def test_servers_that_are_away_and_settings_that_are_wrong(tmp_path: Path) -> None:
    """69 names the server, 78 the setting."""
    place = SqlitePlace(tmp_path)
    for away in (["--database", "mysql://root@127.0.0.1:1/x"], ["--queue", "redis://127.0.0.1:1/0"]):
        ended = typed(place, "audit", *away)
        assert (ended.code, len(ended.errors.splitlines())) == (69, 1), ended.errors
        assert "127.0.0.1:1" in ended.errors
    assert typed(place, "audit", "--queue", "amqp://x").code == 78
