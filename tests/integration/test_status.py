"""The status page of real engines: numbers that move, probes tied to progress, who may see what, and the end."""

import re
import signal
import socket
import sqlite3
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from urllib.parse import quote

import pytest
import trio
from attrs import evolve

from engine.picture import AuditView
from engine.stats import Snapshot
from tests.collector import Collector, running_collector
from tests.engine_process import EngineProcess, write_config
from tests.integration.places import Place, ServerPlace, SqlitePlace, configure, typed
from tests.servers.mariadb import MariaDbServer
from tests.servers.redis import RedisServer
from tests.status_page import WITH_PAGE, page_of

TOKEN = "a-token-of-this-test"
GRACE = 2.0
DEPLOY = Path(__file__).parents[2] / "deploy"


def sighting(number: int, ip: str | None = None) -> dict[str, object]:
    """A good record, or one with the address given."""
    ip = ip or f"45.77.{number // 250}.{number % 250 + 1}"
    return {"ip": ip, "timestamp": f"2025-03-01T00:{number // 60 % 60:02}:{number % 60:02}", "botnet_type": "mirai"}


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector with a thousand good records and a private address."""
    with running_collector(api_key="canary-key") as running:
        running.add([*map(sighting, range(1000)), sighting(1000, "10.0.0.1")])
        yield running


def write(folder: Path, collector: Collector, **sections: dict[str, object]) -> None:
    """Embedded files, one source, a short grace."""
    source: list[dict[str, object]] = [
        {"name": "s1", "url": collector.url, "api_key": "canary-key", "pull_interval_seconds": 0.2}
    ]
    engine: dict[str, object] = {"shutdown_grace_seconds": GRACE}
    write_config(folder, engine=engine, log={"file": ""}, **sections, source=source)


def started(folder: Path, **environ: str) -> EngineProcess:
    """An engine with a page."""
    return EngineProcess(folder, environ={**WITH_PAGE, **environ})


def test_the_numbers_are_those_of_the_run(collector: Collector, tmp_path: Path) -> None:
    """Everything that was settled shows, in the JSON, in the events and in the metrics; more moves them."""
    write(tmp_path, collector)
    with started(tmp_path) as engine, page_of(engine) as page:
        picture = page.until(lambda seen: seen.audit is not None and seen.audit.received == 1001, pictures=80)
        assert picture.version == 1
        assert picture.totals == Snapshot(1001, 1001, 1000, 0, 1, 1, picture.totals.confirmed)
        assert picture.health.ready
        (source,) = picture.sources
        assert (source.name, source.fetched, source.last_error) == ("s1", 1001, None)
        assert source.cursor is not None
        assert source.cursor.sequence > 0
        assert source.lag_seconds is not None
        assert source.lag_records == 0
        (worker,) = picture.workers
        assert (worker.name, worker.received) == ("worker-1", 1001)
        assert sum(worker.busy.values()) == pytest.approx(1, abs=0.1)
        assert picture.top.types == [("mirai", 1000)]
        assert sum(count for _, count in picture.top.countries) == 1000
        assert len(picture.newest) == 20
        assert picture.audit is not None
        assert evolve(picture.audit, since="", at="") == AuditView(1001, 1000, 0, 1, 0, 0, 0, True, "", "")  # noqa: FBT003
        collector.add(map(sighting, range(2000, 2100)))
        page.until(lambda seen: seen.totals.written == 1100)
        metrics = page.metrics()
        assert metrics["botnet_engine_written_records_total"] == 1100
        assert metrics['botnet_engine_type_records_total{botnet_type="mirai"}'] == 1100
        given = set(re.findall(r"^# TYPE (\S+) ", page.get("/metrics").text, re.MULTILINE))
        for file in ("grafana/dashboard.json", "prometheus/alerts.yml"):
            named = set(re.findall(r"\bbotnet_engine_[a-z_]+", (DEPLOY / file).read_text()))
            assert named
            assert named <= given
        assert metrics["botnet_engine_ready"] == metrics["botnet_engine_audit_balanced"] == 1


def test_a_reload_leaves_the_last_hour_as_it_was(collector: Collector, tmp_path: Path) -> None:
    """The next pipeline goes on with the history of the run."""
    write(tmp_path, collector)
    with started(tmp_path) as engine, page_of(engine) as page:
        before = page.until(lambda seen: seen.rate.hour > 0).rate.history
        engine.send(signal.SIGHUP)
        engine.wait_for("configuration applied")
        applied = page.picture().engine.uptime_seconds
        after = page.until(lambda seen: seen.engine.uptime_seconds > applied + 3)
        assert after.rate.history[: len(before)] == before
        assert after.rate.hour > 0


def test_nothing_shown_identifies_an_address_or_a_secret(collector: Collector, tmp_path: Path) -> None:
    """No address is in a metric; the collector's key, which a record echoes, is masked in the reasons."""
    collector.add([sighting(1, "canary-key")])
    write(tmp_path, collector, status={"token": "canary-token"})
    with started(tmp_path) as engine, page_of(engine) as page:
        picture = page.until(lambda seen: seen.dead_letters.count == 2)
        assert "ip '***'" in picture.dead_letters.newest[0].reason
        assert "canary" not in page.get("/api/status").text
        text = page.get("/metrics").text
        assert "botnet_engine_dead_letters 2.0" in text
        assert not [name for name in ("45.77", "10.0.0.1", "canary", "US") if f'"{name}' in text]


def test_ready_is_tied_to_progress_with_a_frozen_server(
    servers: tuple[RedisServer, MariaDbServer], collector: Collector, tmp_path: Path
) -> None:
    """A frozen MariaDB while batches wait: 503 with the reason, the process healthy; 200 once it goes on."""
    redis, mariadb = servers
    place = ServerPlace(tmp_path, redis, mariadb, "readiness")
    configure(place, collector.url, status={"stall_seconds": 1.5}, worker={"worker_count": 1})
    with ExitStack() as stack:
        environ = {**WITH_PAGE, "ENGINE_SOURCE_S1__API_KEY": "canary-key"}
        engine = stack.enter_context(EngineProcess(tmp_path, environ=environ))
        page = stack.enter_context(page_of(engine))
        page.until(lambda seen: seen.totals.received == 1001)
        assert page.until_ready_is(200).json() == {"ready": True, "reason": None}
        mariadb.pause()
        stack.callback(mariadb.resume)
        collector.add(map(sighting, range(2000, 2500)))
        refused = page.until_ready_is(503).json()
        assert "none has moved" in refused["reason"]
        assert page.get("/healthz").status_code == 200
        page.until(lambda seen: seen.limit.stage == "database")
        mariadb.resume()
        page.until_ready_is(200)
        page.until(lambda seen: seen.totals.written == 1500)


def test_a_frozen_server_does_not_delay_the_end(
    servers: tuple[RedisServer, MariaDbServer], collector: Collector, tmp_path: Path
) -> None:
    """What asks it for the page ends with the engine, while somebody looks on."""
    redis, mariadb = servers
    place = ServerPlace(tmp_path, redis, mariadb, "frozen")
    configure(place, collector.url, status={"stall_seconds": 1}, engine={"shutdown_grace_seconds": GRACE})
    with ExitStack() as stack:
        environ = {**WITH_PAGE, "ENGINE_SOURCE_S1__API_KEY": "canary-key"}
        engine = stack.enter_context(EngineProcess(tmp_path, environ=environ))
        page = stack.enter_context(page_of(engine))
        page.until(lambda seen: seen.totals.received == 1001)
        mariadb.pause()
        stack.callback(mariadb.resume)
        collector.add(map(sighting, range(2000, 2500)))
        page.until_ready_is(503)
        events = page.events()
        assert next(events).totals.received == 1001
        began = time.monotonic()
        engine.send(signal.SIGTERM)
        assert engine.wait(GRACE + 1) == 0
        assert time.monotonic() - began < GRACE + 1
        events.close()


def test_ready_is_tied_to_progress_with_a_locked_file(collector: Collector, tmp_path: Path) -> None:
    """A SQLite file that somebody else holds: 503, then 200; an engine with nothing to do stays ready."""
    place = SqlitePlace(tmp_path)
    configure(place, collector.url, status={"stall_seconds": 1.5})
    environ = {**WITH_PAGE, "ENGINE_SOURCE_S1__API_KEY": "canary-key"}
    with EngineProcess(tmp_path, environ=environ) as engine, page_of(engine) as page:
        page.until(lambda seen: seen.totals.received == 1001)
        with closing(sqlite3.connect(tmp_path / "engine.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            collector.add(map(sighting, range(2000, 2500)))
            page.until_ready_is(503)
            other.execute("ROLLBACK")
        page.until_ready_is(200)
        page.until(lambda seen: seen.totals.written == 1500)
        began = time.monotonic()
        page.until(lambda _: time.monotonic() - began > 3)
        assert page.get("/readyz").status_code == 200


def test_the_audit_covers_what_earlier_runs_received(place: Place, collector: Collector) -> None:
    """Everything the queue has receipts of, by windows; rows that are gone are missing, whoever wrote them."""
    environ = {**WITH_PAGE, "ENGINE_SOURCE_S1__API_KEY": "canary-key"}
    configure(place, collector.url)
    assert typed(place, "run", "--once", environ=environ).code == 0
    with EngineProcess(place.folder, environ=environ) as engine, page_of(engine) as page:
        whole = page.until(lambda seen: seen.whole_audit is not None).whole_audit
        assert whole is not None
        assert evolve(whole, since="", at="") == AuditView(1001, 1000, 0, 1, 0, 0, 0, True, "", "")  # noqa: FBT003
    ((letters,),) = place.rows("SELECT received FROM engine_ledger WHERE rejected > 0")
    place.rows("DELETE FROM engine_ledger WHERE rejected > 0")
    with EngineProcess(place.folder, environ=environ) as engine, page_of(engine) as page:
        seen = page.until(lambda seen: seen.whole_audit is not None and seen.audit is not None)
        assert seen.whole_audit is not None
        assert seen.audit is not None
        assert (seen.whole_audit.balanced, seen.whole_audit.missing) == (False, letters)
        assert (seen.audit.received, seen.audit.balanced) == (0, True)
        assert page.metrics()["botnet_engine_whole_audit_missing_records"] == letters


def test_what_waits_at_a_source_shows_while_the_queue_is_full(collector: Collector, tmp_path: Path) -> None:
    """At most so many records, also of those that come while nothing is fetched; none once all are taken."""
    write(tmp_path, collector, queue={"batch_size": 100, "high_watermark": 2, "low_watermark": 1})
    with started(tmp_path, ENGINE_SOURCE_S1__PULL_LIMIT="100") as engine, page_of(engine) as page:
        page.until(lambda seen: seen.totals.received == 1001 and seen.totals.confirmed > 0)
        with closing(sqlite3.connect(tmp_path / "engine.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            collector.add(map(sighting, range(2000, 3000)))
            (source,) = page.until(lambda seen: seen.queue.paused and bool(seen.sources[0].lag_records)).sources
            behind = source.lag_records
            assert behind is not None
            assert 1000 - (source.fetched - 1001) <= behind <= 1000
            collector.add(map(sighting, range(3000, 3500)))
            page.until(lambda seen: seen.sources[0].lag_records == behind + 500)
            assert page.metrics()['botnet_engine_source_lag_records{source="s1"}'] == behind + 500
            other.execute("ROLLBACK")
        page.until(lambda seen: seen.totals.written == 2500 and seen.sources[0].lag_records == 0)


def test_it_answers_while_the_servers_are_away(collector: Collector, tmp_path: Path) -> None:
    """Healthy, and not ready for a reason: whoever probes does not kill an engine that waits."""
    write(tmp_path, collector, queue={"url": "redis://127.0.0.1:1/0"})
    with started(tmp_path) as engine, page_of(engine) as page:
        assert page.get("/healthz").status_code == 200
        assert "waiting for the servers" in page.get("/readyz").text
        assert page.picture().limit.case == "starting"


def test_open_streams_do_not_delay_the_end(collector: Collector, tmp_path: Path) -> None:
    """One client that reads its events and many that never do: gone at once, with exit code 0."""
    write(tmp_path, collector)
    with ExitStack() as stack:
        engine = stack.enter_context(started(tmp_path))
        page = stack.enter_context(page_of(engine))
        host, port = page.url.removeprefix("http://").split(":")
        for _ in range(8):
            silent = stack.enter_context(socket.create_connection((host, int(port))))
            silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            silent.sendall(f"GET /api/events HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        page.until(lambda seen: seen.engine.uptime_seconds > 6)
        began = time.monotonic()
        engine.send(signal.SIGTERM)
        assert engine.wait(GRACE + 1) == 0
        assert time.monotonic() - began < GRACE + 1
        assert "Traceback" not in engine.errors


def test_a_client_that_never_reads_does_not_delay_the_end(collector: Collector, tmp_path: Path) -> None:
    """Its connection is full, and what is sent to it is shielded from cancellation: it is cut."""
    write(tmp_path, collector)
    with ExitStack() as stack:
        engine = stack.enter_context(started(tmp_path))
        page = stack.enter_context(page_of(engine))
        host, port = page.url.removeprefix("http://").split(":")
        silent = stack.enter_context(socket.socket())
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        silent.connect((host, int(port)))
        silent.settimeout(0.2)
        request = f"GET /api/status HTTP/1.1\r\nHost: {host}\r\n\r\n".encode() * 500
        with suppress(TimeoutError):
            while True:
                silent.sendall(request)  # it answers until nothing fits any more, and then does not read on either
        began = page.picture().engine.uptime_seconds
        page.until(lambda seen: seen.engine.uptime_seconds > began + 2)
        engine.send(signal.SIGTERM)
        assert engine.wait(GRACE + 1) == 0


def test_an_address_that_is_taken(collector: Collector, tmp_path: Path) -> None:
    """Given: exit code 78 and one line. The default one: a warning, and the engine works without a page."""
    write(tmp_path, collector)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with EngineProcess(tmp_path, environ={"ENGINE_STATUS__ADDRESS": address}) as engine:
            assert engine.wait() == 78
        assert engine.errors.splitlines()[-1].startswith(f"status.address = '{address}': cannot listen there")
    with ExitStack() as stack:
        with suppress(OSError):  # taken is taken, by whomever
            stack.enter_context(socket.create_server(("127.0.0.1", 8787)))
        with EngineProcess(tmp_path, "--once", "--json", environ={"ENGINE_STATUS__ADDRESS": ""}) as engine:
            assert engine.wait() == 0
    assert engine.account["written"] == 1000
    assert engine.errors.count("no status page") == 1


def test_retry_needs_the_token_and_writes(collector: Collector, tmp_path: Path) -> None:
    """Without a token configured 403, without or with a wrong one 401; with it 409 with the reason, 200, 404."""
    write(tmp_path, collector)
    with started(tmp_path) as engine, page_of(engine, TOKEN) as page:
        page.until(lambda seen: seen.dead_letters.count == 1)
        assert page.client.post("/api/dead-letters/1/retry").status_code == 403
    with started(tmp_path, ENGINE_STATUS__TOKEN=TOKEN) as engine, page_of(engine, TOKEN) as page:
        (letter,) = page.until(lambda seen: seen.dead_letters.count == 1).dead_letters.newest
        path = f"/api/dead-letters/{letter.id}/retry"
        basic = "Basic " + b64encode(f"x:{TOKEN}".encode()).decode()
        for authorization in ("", "Bearer wrong", f"Token {TOKEN}", basic):
            assert page.client.post(path, headers={"Authorization": authorization}).status_code == 401
        stays = page.client.post(path)
        assert (stays.status_code, stays.json()["result"]) == (409, "refused")
        assert "private" in stays.json()["reason"]
    environ = {"ENGINE_STATUS__TOKEN": TOKEN, "ENGINE_ACCEPTANCE__ALLOW_RESERVED": "true"}
    with started(tmp_path, **environ) as engine, page_of(engine, TOKEN) as page:
        page.until(lambda seen: seen.dead_letters.count == 1)
        assert page.client.post(path).json() == {"id": letter.id, "result": "accepted", "reason": ""}
        assert page.client.post(path).status_code == 404
        page.until(lambda seen: seen.dead_letters.count == 0)
    with closing(sqlite3.connect(tmp_path / "engine.db")) as database:
        rows = database.execute("SELECT COUNT(*) FROM botnet_communications_mirai WHERE ip = '10.0.0.1'")
        assert rows.fetchone() == (1,)


async def bury_all(place: Place) -> int:
    """Move everything that waits in the queue to its own dead letters; how many batches that were."""
    async with place.open_queue() as queue:
        deliveries = await queue.claim(100, 0)
        for delivery in deliveries:
            await queue.dead_letter(delivery, "nobody wanted it")
        return len(deliveries)


def test_a_batch_that_the_queue_buried_is_retried(place: Place, collector: Collector) -> None:
    """It is shown beside the letters of the database, and written with the token only; what nobody can read stays."""
    environ = {**WITH_PAGE, "ENGINE_SOURCE_S1__API_KEY": "canary-key"}
    configure(place, collector.url)
    assert typed(place, "fetch", "--once", environ=environ).code == 0
    letters = trio.run(bury_all, place) + 1
    assert letters <= 20  # as many as are shown
    collector.add(map(sighting, range(2000, 2003)))
    assert typed(place, "fetch", "--once", environ=environ).code == 0
    place.spoil_queue()
    with EngineProcess(place.folder, environ=environ) as engine, page_of(engine, TOKEN) as page:
        seen = page.until(lambda seen: seen.dead_letters.in_queue == letters)
        paths = {letter.reason: f"/api/dead-letters/{letter.id}/retry" for letter in seen.dead_letters.newest}
        assert len(paths) == 2
        assert page.client.post(paths["nobody wanted it"]).status_code == 403
        assert page.metrics()["botnet_engine_queue_dead_letters"] == letters
    environ["ENGINE_STATUS__TOKEN"] = TOKEN
    with EngineProcess(place.folder, environ=environ) as engine, page_of(engine, TOKEN) as page:
        shown = page.until(lambda seen: seen.dead_letters.in_queue == letters).dead_letters
        for letter in shown.newest:
            path = f"/api/dead-letters/{quote(str(letter.id), safe='')}/retry"  # as a browser sends it
            for authorization in ("", "Bearer wrong"):
                assert page.client.post(path, headers={"Authorization": authorization}).status_code == 401
            answer = page.client.post(path)
            code, result = (200, "accepted") if letter.reason == "nobody wanted it" else (409, "refused")
            assert (answer.status_code, answer.json()["id"], answer.json()["result"]) == (code, letter.id, result)
            assert page.client.post(path).status_code == (404 if code == 200 else 409)
        page.until(lambda seen: (seen.dead_letters.in_queue, seen.dead_letters.count) == (1, 1))
        for unknown in ("queue:77-1", "queue:", "seventeen", "-1"):
            assert page.client.post(f"/api/dead-letters/{unknown}/retry").status_code == 404
    assert place.rows("SELECT COUNT(*) FROM botnet_communications_mirai") == [(1000,)]


def test_a_strangers_name_is_not_answered(collector: Collector, tmp_path: Path) -> None:
    """On loopback only our own names are; the answer tells browsers to trust nothing else."""
    write(tmp_path, collector)
    with started(tmp_path) as engine, page_of(engine) as page:
        for host in ("localhost:1", "127.0.0.1", "[::1]:8787", "LOCALHOST"):
            assert page.get("/api/status", Host=host).status_code == 200
        for host in ("evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "evil.example:8787", ""):
            assert page.get("/api/status", Host=host).status_code == 403
        answer = page.get("/")
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
        assert "server" not in answer.headers
        for path in ("/static/../app.py", "/static/..%2Fapp.py", "/static/nothing.js", "/static/", "/nothing"):
            assert page.get(path).status_code == 404


def test_beyond_loopback_only_with_the_token(collector: Collector, tmp_path: Path) -> None:
    """Without one: exit code 78. With one: nothing but the probes without it, as Bearer or, for browsers, Basic."""
    write(tmp_path, collector)
    with EngineProcess(tmp_path, environ={"ENGINE_STATUS__ADDRESS": "0.0.0.0:0"}) as engine:
        assert engine.wait() == 78
    assert "status.token" in engine.errors
    environ = {"ENGINE_STATUS__ADDRESS": "0.0.0.0:0", "ENGINE_STATUS__TOKEN": TOKEN}
    with EngineProcess(tmp_path, environ=environ) as engine, page_of(engine) as page:
        page.client.base_url = page.url.replace("0.0.0.0", "127.0.0.1")
        assert page.get("/healthz", Host="10.1.2.3:8787").status_code == 200
        asked = page.get("/")
        assert (asked.status_code, asked.headers["www-authenticate"]) == (401, 'Basic realm="botnet-engine"')
        basic = b64encode(f"anybody:{TOKEN}".encode()).decode()
        for authorization in (f"Bearer {TOKEN}", f"Basic {basic}"):
            answer = page.get("/api/status", Host="engine.example", Authorization=authorization)
            assert answer.status_code == 200
        for authorization in ("Bearer x", "Basic ///", "Basic eA==", TOKEN):
            assert page.get("/metrics", Authorization=authorization).status_code == 401
