"""`geo status` and `geo update` as a user types them, against a provider on loopback that is well, ill or hostile."""

import gzip
import io
import json
import shlex
import signal
import sqlite3
import tarfile
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path

import pytest
from attrs import frozen

from tests import mmdb
from tests.engine_process import EngineProcess, write_config
from tests.mirror import Mirror, Served, running_mirror
from tests.mmdb import write_mmdb, write_tsv
from tests.readme import fenced
from tests.terminal import Terminal

DAY = 86_400
CITY, ASN = "dbip-city-lite.mmdb", "dbip-asn-lite.mmdb"
CITIES: Mapping[str, Mapping[str, object]] = {"8.0.0.0/8": mmdb.DB_IP_CITY, "1.0.0.0/8": mmdb.MAXMIND_CITY}
NETWORKS = {"8.0.0.0/8": mmdb.MAXMIND_ASN, "1.0.0.0/8": mmdb.IPINFO_LITE}
RANGES = [
    ("1.1.1.0", "1.1.1.255", 13335, "US", "CLOUDFLARENET"),
    ("8.8.8.0", "8.8.8.255", 15169, "US", "GOOGLE"),
    ("2001:4860::", "2001:4860:ffff:ffff:ffff:ffff:ffff:ffff", 15169, "US", "GOOGLE"),
]


@frozen
class Place:
    """A folder to type commands in, and the provider that they ask."""

    folder: Path
    mirror: Mirror

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Type a command: exit code, standard output, standard error. It never ends in a traceback."""
        with EngineProcess(self.folder, "geo", *arguments, environ=self.environ) as engine:
            code = engine.wait(60)
        assert "Traceback" not in engine.errors
        return code, engine.output, engine.errors

    @property
    def environ(self) -> dict[str, str]:
        """The setting that leads to the provider."""
        return {"ENGINE_GEO__BASE_URL": self.mirror.url}

    def serve(self, name: str, body: bytes, *, months_ago: int = 0, **how: bool) -> None:
        """Have the provider serve a file of a month, gzipped."""
        month = datetime.now(UTC).replace(day=1)
        for _ in range(months_ago):
            month = (month - timedelta(days=1)).replace(day=1)
        path = f"/{name.removesuffix('.mmdb')}-{month:%Y-%m}.mmdb.gz"
        self.mirror.files[path] = Served(gzip.compress(body), **how)  # type: ignore[arg-type]

    def serve_both(self, *, days_old: int = 1, **how: bool) -> None:
        """Have it serve a city and an ASN file that were built so many days ago."""
        self.serve(CITY, self.file(CITIES, "DBIP-City-Lite", days_old), **how)
        self.serve(ASN, self.file(NETWORKS, "DBIP-ASN-Lite", days_old), **how)

    def file(self, networks: Mapping[str, Mapping[str, object]], kind: str, days_old: int = 1) -> bytes:
        """The content of a file that was built so many days ago."""
        built_at = int(time.time()) - days_old * DAY - 60
        return write_mmdb(self.folder / "made.mmdb", networks, kind=kind, built_at=built_at).read_bytes()

    def status(self) -> dict[str, dict[str, object]]:
        """What `geo status --json` says of each file, by name."""
        code, output, _ = self.run("status", "--json")
        assert code == 0
        return {Path(each["path"]).name: each for each in json.loads(output)["files"]}

    def there(self) -> dict[str, bytes]:
        """Everything in the folder of look-up files."""
        return {path.name: path.read_bytes() for path in (self.folder / "geo").iterdir()}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """An empty folder and a provider that has nothing."""
    with running_mirror() as mirror:
        yield Place(tmp_path, mirror)


def test_a_first_update_and_a_second(place: Place) -> None:
    """City and ASN come from the provider; a month later newer ones replace them, and the ones before are kept."""
    assert place.run("status")[1].startswith("no look-up files: python -m engine geo update")
    place.serve_both(days_old=31)
    code, output, _ = place.run("update")
    assert (code, output.count("in use from now on")) == (0, 2)
    first = place.there()
    assert first.keys() == {CITY, ASN}
    place.serve_both(days_old=1)
    assert place.run("update")[0] == 0
    second = place.there()
    assert second.keys() == {CITY, ASN, f"{CITY}.previous", f"{ASN}.previous"}
    assert (second[f"{CITY}.previous"], second[f"{ASN}.previous"]) == (first[CITY], first[ASN])
    status = place.status()
    assert {name: (each["kind"], each["age_days"], each["has_previous"]) for name, each in status.items()} == {
        CITY: ("DBIP-City-Lite", 1, True),
        ASN: ("DBIP-ASN-Lite", 1, True),
    }
    code, output, _ = place.run("update")
    assert (code, output.splitlines()[-1]) == (0, "nothing to replace")
    assert place.there() == second


def test_status_as_text(place: Place) -> None:
    """A line a file, with age and provider; an old one is called so, and that is no failure; a damaged one is one."""
    place.serve_both(days_old=60)
    place.run("update")
    code, output, _ = place.run("status")
    assert code == 0
    assert output.count("60 days old: OLD, more than 45 (lookup.max_age_days)") == 2
    assert output.count("IP Geolocation by DB-IP, https://db-ip.com (CC BY 4.0)") == 1
    assert "OLD" not in place.run("status", "--set", "lookup.max_age_days=0")[1]
    (place.folder / "geo" / ASN).write_bytes(b"<html>")
    code, output, _ = place.run("status")
    assert code == 1
    assert f"geo/{ASN}  NOT USABLE: not a usable MMDB file" in output


def test_before_the_new_month_is_out(place: Place) -> None:
    """A 404 for this month: the files of last month are taken."""
    place.serve(CITY, place.file(CITIES, "DBIP-City-Lite"), months_ago=1)
    place.serve(ASN, place.file(NETWORKS, "DBIP-ASN-Lite"), months_ago=1)
    assert place.run("update")[0] == 0
    assert place.there().keys() == {CITY, ASN}
    assert len(place.mirror.asked) == 4


def test_nobody_has_the_file(place: Place) -> None:
    """Neither of this month nor of the last: unavailable, and nothing is left behind."""
    code, _, errors = place.run("update")
    assert (code, errors) == (69, f"unavailable: {CITY}: dbip has no such file\n")
    assert place.there() == {}


def test_what_has_not_changed_is_not_sent_again(place: Place) -> None:
    """The provider is asked for something newer than what is there."""
    changed = formatdate(time.time() - 5 * DAY, usegmt=True)
    place.serve_both()
    for path, served in place.mirror.files.items():
        place.mirror.files[path] = served._replace(headers={"Last_Modified": changed})
    place.run("update")
    code, output, _ = place.run("update")
    assert (code, output.count("nothing newer there")) == (0, 2)
    assert [asked.headers.get("if-modified-since") for asked in place.mirror.asked] == [None, None, changed, changed]
    code, output, _ = place.run("update", "--force")
    assert (code, output.count("in use from now on")) == (0, 2)


def bomb(size: int) -> bytes:
    """A gzip of so many zeros."""
    return gzip.compress(bytes(size), 9)


@pytest.mark.parametrize(
    ("wrong", "code", "said"),
    [
        (Served(gzip.compress(b"x" * 9000), cut=True), 69, "broke off"),
        (Served(b"<!DOCTYPE html><html><body>Please log in</body></html>"), 1, "not a usable MMDB file"),
        (Served(gzip.compress(b"<html>Please log in</html>")), 1, "not a usable MMDB file"),
        (Served(gzip.compress(b"x" * 9000)[:-9]), 1, "damaged, or broken off"),
        (Served(gzip.compress(b"x" * 9000)[:-4] + b"\0\0\0\1"), 1, "damaged, or broken off"),
        (Served(bomb(30_000_000)), 1, "larger than 1000000 bytes when unpacked (geo.size_limit)"),
        (Served(bytes(1_500_000)), 1, "larger than 1000000 bytes (geo.size_limit)"),
        (Served(b"", 500), 69, "answered HTTP 500"),
        (Served(b"", 403), 78, "refuses us (HTTP 403); check the keys in [geo]"),
        (Served(b"", 302, {"Location": "http://192.0.2.1/x"}), 69, "redirects to http://192.0.2.1/x, which is not"),
        (Served(b"", 302, {"Location": "/dbip-city-lite-1.mmdb"}), 69, "dbip has no such file"),
        (Served(b"", 302), 69, "which is not followed"),
        (Served(gzip.compress(b""), hang=True), 69, "not all of it in 1 s (timeout_seconds)"),
        (Served(), 1, "not a usable MMDB file"),
    ],
)
def test_whatever_is_wrong_what_is_in_use_stays(place: Place, wrong: Served, code: int, said: str) -> None:
    """A second file that is no file: neither of the two is replaced, and one line says why."""
    place.serve_both(days_old=31)
    place.run("update")
    before = place.there()
    place.serve_both(days_old=1)
    *_, last = place.mirror.files
    place.mirror.files[last] = wrong
    limits = ["--set", "geo.size_limit=1000000", "--set", "geo.timeout_seconds=1"]
    ended, output, errors = place.run("update", *limits)
    assert (ended, len(errors.splitlines())) == (code, 1)
    assert said in errors.replace("dbip-asn", "dbip-city")
    assert "in use from now on" not in output
    assert place.there() == before


def test_a_truncated_file_that_opens(place: Place) -> None:
    """Half of the records overwritten, tree and metadata whole: found by reading records from everywhere."""
    content = bytearray(place.file({f"{number}.0.0.0/8": mmdb.MAXMIND_CITY for number in range(1, 200)}, "X"))
    start = content.index(b"\0" * 16) + 16
    end = content.rindex(b"\xab\xcd\xefMaxMind.com")
    content[start:end] = b"\x3f" * (end - start)
    (place.folder / "x.mmdb").write_bytes(content)
    code, _, errors = place.run("update", "--from", "x.mmdb", "--force")
    assert code == 1
    assert "geo/x.mmdb: refused: not a usable MMDB file" in errors


def test_a_file_that_would_crash_the_fast_reader(place: Place) -> None:
    """A number where the name of a field stands: refused like any other damage."""
    content = place.file(CITIES, "X")
    (place.folder / "x.mmdb").write_bytes(content.replace(b"\x49continent", b"\xa1continent"))
    code, _, errors = place.run("update", "--from", "x.mmdb", "--force")
    assert (code, errors.startswith("geo/x.mmdb: refused: not a usable MMDB file")) == (1, True)


def test_a_damaged_file_in_use_is_replaced(place: Place) -> None:
    """Also by a file that is older than the damage; the last good one stays the previous one."""
    changed = formatdate(time.time() - 2 * DAY, usegmt=True)
    for days_old in (31, 5):
        place.serve_both(days_old=days_old)
        for path, served in place.mirror.files.items():
            place.mirror.files[path] = served._replace(headers={"Last_Modified": changed})
        assert place.run("update", "--force")[0] == 0
    good = place.there()
    (place.folder / "geo" / CITY).write_bytes(b"garbage")
    code, output, errors = place.run("update")
    assert (code, output.count("in use from now on"), errors) == (0, 1, "")
    assert place.there() == good


def test_what_force_is_for(place: Place) -> None:
    """An older, a much smaller and a strange file are refused, each with its reason, unless they are wanted."""
    many = {**CITIES, **{f"8.{second}.0.0/16": mmdb.FLAT_CITY for second in range(9, 250, 2)}}
    strange = {"9.0.0.0/8": mmdb.DB_IP_CITY}
    offered = {
        "older than the one in use": (many, 20),
        "much smaller than the one in use": (CITIES, 5),
        "knows nothing of 8.8.8.8": (strange, 5),
        "says that it is from the future": (many, -400),
    }
    for said, (networks, days_old) in offered.items():
        for arguments, expected in [((), 1), (("--force",), 1 if "future" in said else 0)]:
            (place.folder / "geo").mkdir(exist_ok=True)
            (place.folder / "geo" / CITY).write_bytes(place.file(many, "DBIP-City-Lite", 10))
            (place.folder / CITY).write_bytes(place.file(networks, "DBIP-City-Lite", days_old))
            code, _, errors = place.run("update", "--from", CITY, *arguments)
            assert (code, said in errors) == (expected, expected == 1), (said, errors)


def test_a_city_file_where_networks_are_expected(place: Place) -> None:
    """The provider has mixed up its files."""
    place.serve_both()
    place.serve(ASN, place.file(CITIES, "DBIP-City-Lite"))
    code, _, errors = place.run("update")
    assert (code, place.there()) == (1, {})
    assert f"geo/{ASN}: refused: knows no asn of 8.8.8.8" in errors


def test_iptoasn(place: Place) -> None:
    """Ranges as TSV; the files of the other provider are set aside, so that they do not answer any longer."""
    place.serve_both()
    place.run("update")
    tsv = write_tsv(place.folder / "made.tsv", RANGES).read_bytes()
    changed = formatdate(time.time() - 5 * DAY - 60, usegmt=True)
    place.mirror.files["/ip2asn-combined.tsv.gz"] = Served(gzip.compress(tsv), headers={"Last_Modified": changed})
    code, output, _ = place.run("update", "--provider", "iptoasn")
    assert (code, output.count("of dbip, set aside")) == (0, 2)
    assert place.there().keys() == {"ip2asn-combined.tsv", f"{CITY}.previous", f"{ASN}.previous"}
    assert place.there()["ip2asn-combined.tsv"] == tsv
    status = place.status()["ip2asn-combined.tsv"]
    assert (status["entries"], status["age_days"]) == (3, 5)
    assert "iptoasn.com" in str(status["attribution"])


def test_ipinfo_with_a_token(place: Place) -> None:
    """Without a token the update says which setting is missing; with one it is asked for, and shown to nobody."""
    code, _, errors = place.run("update", "--provider", "ipinfo")
    assert (code, errors.startswith("geo.ipinfo_token: missing")) == (78, True)
    with running_mirror() as storage:
        signed = f"{storage.url}/signed?signature=c4nary2"
        place.mirror.files["/ipinfo_lite.mmdb"] = Served(b"", 302, {"Location": signed})
        storage.files["/signed"] = Served(place.file(NETWORKS, "ipinfo generic_lite.mmdb"))
        (place.folder / "token").write_text("c4nary+/1\n")
        (place.folder / "token").chmod(0o600)
        options = ["--provider", "ipinfo", "--set", "geo.ipinfo_token_file=token", "--log-level", "debug"]
        code, output, errors = place.run("update", *options)
        assert (code, errors) == (0, "")
        assert "c4nary" not in output
        assert (place.mirror.asked[-1].query, storage.asked[-1].query) == ("token=c4nary%2B%2F1", "signature=c4nary2")
        del storage.files["/signed"]
        code, output, errors = place.run("update", "--force", *options)
        assert code == 69
        assert "c4nary" not in output + errors
    assert "powered by IPinfo" in place.run("status")[1]


def tar_of(name: str, content: bytes) -> bytes:
    """A tar.gz as MaxMind packs it: the file in a folder, between its licence and another."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for each, body in [("COPYRIGHT.txt", b"(c)"), (name, content), ("LICENSE.txt", b"x" * 2000)]:
            info = tarfile.TarInfo(f"{name.removesuffix('.mmdb')}_20261124/{each}")
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return packed.getvalue()


def test_maxmind_with_an_account(place: Place) -> None:
    """Account and key go to the provider, and not to the storage that it redirects to; the archive is unpacked."""
    code, _, errors = place.run("update", "--provider", "maxmind", "--set", "geo.maxmind_account=1")
    assert (code, errors.startswith("geo.maxmind_license_key: missing")) == (78, True)
    write_config(place.folder, geo={"provider": "maxmind", "maxmind_account": 123456, "maxmind_license_key": "c4nary"})
    contents = {"GeoLite2-City": CITIES, "GeoLite2-ASN": NETWORKS}
    with running_mirror() as storage:
        for name, networks in contents.items():
            storage.files[f"/{name}"] = Served(tar_of(f"{name}.mmdb", place.file(networks, name)))
            signed = f"{storage.url}/{name}?X-Amz-Signature=1"
            place.mirror.files[f"/{name}/download"] = Served(b"", 302, {"Location": signed})
        code, output, errors = place.run("update")
        assert (code, errors, output.count("in use from now on")) == (0, "", 2)
    basic = b64encode(b"123456:c4nary").decode()
    assert [asked.query for asked in place.mirror.asked[-2:]] == ["suffix=tar.gz"] * 2
    assert [asked.headers["authorization"] for asked in place.mirror.asked[-2:]] == [f"Basic {basic}"] * 2
    assert not any("authorization" in asked.headers for asked in storage.asked)
    assert place.there().keys() == {"GeoLite2-City.mmdb", "GeoLite2-ASN.mmdb"}
    assert "GeoLite2 Data created by MaxMind" in place.run("status")[1]


def test_redirects_without_end(place: Place) -> None:
    """Three are followed, no more."""
    *_, path = [f"/dbip-city-lite-{datetime.now(UTC):%Y-%m}.mmdb.gz"]
    place.mirror.files[path] = Served(b"", 307, {"Location": path})
    code, _, errors = place.run("update")
    assert (code, len(place.mirror.asked)) == (69, 4)
    assert "redirects more than 3 times" in errors


def test_files_that_are_here(place: Place) -> None:
    """Packed or not, with a date in their name or not; each comes under its plain name, for whoever can use it."""
    (place.folder / "dbip-city-lite-2026-11.mmdb.gz").write_bytes(gzip.compress(place.file(CITIES, "DBIP-City-Lite")))
    (place.folder / "GeoLite2-ASN_20261124.tar.gz").write_bytes(
        tar_of("GeoLite2-ASN.mmdb", place.file(NETWORKS, "GeoLite2-ASN"))
    )
    write_tsv(place.folder / "ip2asn-v4.tsv", RANGES)
    names = ["dbip-city-lite-2026-11.mmdb.gz", "GeoLite2-ASN_20261124.tar.gz", "ip2asn-v4.tsv"]
    code, output, _ = place.run("update", *(part for name in names for part in ("--from", name)))
    assert (code, output.count("in use from now on")) == (0, 3)
    assert place.there().keys() == {CITY, "GeoLite2-ASN.mmdb", "ip2asn-v4.tsv"}
    assert place.mirror.asked == []
    (place.folder / "notes.txt").write_text("what is this")
    code, _, errors = place.run("update", "--from", "notes.txt")
    assert (code, "its name does not say what it is" in errors) == (1, True)
    empty = tar_of("README", b"nothing of ours")
    (place.folder / "x.tar.gz").write_bytes(empty)
    assert "holds no file that ends in" in place.run("update", "--from", "x.tar.gz")[2]
    (place.folder / "cut.tgz").write_bytes(gzip.compress(gzip.decompress(tar_of("a.mmdb", b"x" * 5000))[:3000]))
    assert "damaged, or broken off" in place.run("update", "--from", "cut.tgz")[2]
    assert place.run("update", "--from", "missing.mmdb")[0] == 2


def test_files_that_the_configuration_names(place: Place) -> None:
    """They are replaced where they are; what it does not name is put down too, with a warning."""
    (place.folder / "own").mkdir()
    (place.folder / "own" / CITY).write_bytes(place.file(CITIES, "DBIP-City-Lite", 31))
    write_config(place.folder, enrichment={"mmdb": [f"own/{CITY}"]})
    place.serve_both()
    code, output, _ = place.run("update")
    assert (code, output.count("in use from now on")) == (0, 2)
    assert f"geo/{ASN}: enrichment.mmdb does not name it, so the engine will not use it" in output
    assert {path.name for path in (place.folder / "own").iterdir()} == {CITY, f"{CITY}.previous"}
    assert place.status().keys() == {CITY}


def test_killed_in_the_middle(place: Place) -> None:
    """A kill -9 while the file arrives: the one in use stays, and the next update cleans up and succeeds."""
    place.serve_both(days_old=31)
    place.run("update")
    before = place.there()
    place.serve_both(days_old=1, hang=True)
    with EngineProcess(place.folder, "geo", "update", environ=place.environ) as update:
        assert place.mirror.is_hanging.wait(30)
        code, _, errors = place.run("update")
        assert (code, errors) == (69, "unavailable: another update is at work in geo\n")
        update.kill()
    assert {name: place.there()[name] for name in before} == before
    assert [each["age_days"] for each in place.status().values()] == [31, 31]
    place.serve_both(days_old=1)
    assert place.run("update")[0] == 0
    assert place.there().keys() == {CITY, ASN, f"{CITY}.previous", f"{ASN}.previous"}


def test_interrupted_by_hand(place: Place) -> None:
    """Ctrl+C while the file arrives: nothing is left of it."""
    place.serve_both(hang=True)
    with EngineProcess(place.folder, "geo", "update", environ=place.environ) as update:
        assert place.mirror.is_hanging.wait(30)
        update.send(signal.SIGINT)
        assert update.wait(10) == 130
    assert place.there() == {}


@pytest.mark.parametrize(("is_unmeasured", "far"), [(False, "0.5 of 1.0 MB, 0.0 MB/s"), (True, "0.5 MB, 0.0 MB/s")])
def test_how_far_it_is_on_a_terminal(place: Place, far: str, *, is_unmeasured: bool) -> None:
    """Which file arrives, how much of it and how fast, whether the provider says how long it is or not."""
    served = Served(bytes(1_000_000), hang=True, is_unmeasured=is_unmeasured)
    place.mirror.files[f"/dbip-city-lite-{datetime.now(UTC):%Y-%m}.mmdb.gz"] = served
    with closing(Terminal(place.folder, place.environ, "geo", "update")) as terminal:
        terminal.until(f"dbip-city-lite.mmdb: {far}")
        assert "geo update" in terminal.drawn
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.end() == 130


def test_a_folder_that_cannot_be_written(place: Place) -> None:
    """A file in the folder's place: one line, and no traceback."""
    (place.folder / "geo").write_text("in the way")
    code, _, errors = place.run("update")
    assert (code, errors) == (69, "unavailable: geo: File exists\n")


def test_what_the_readme_types(place: Place) -> None:
    """Its commands, one after the other; only the mirror has another name here."""
    place.serve_both()
    tsv = write_tsv(place.folder / "made.tsv", RANGES).read_bytes()
    place.mirror.files["/ip2asn-combined.tsv.gz"] = Served(gzip.compress(tsv))
    for name, networks in (("city", CITIES), ("asn", NETWORKS)):
        content = place.file(networks, f"DBIP-{name}-Lite", 0)
        (place.folder / f"dbip-{name}-lite-2026-11.mmdb.gz").write_bytes(gzip.compress(content))
    lines = [*fenced("geo").splitlines(), *fenced("geo-ways").splitlines()]
    assert len(lines) == 7
    for line in lines:
        program, *arguments = shlex.split(line.replace("https://mirror.example/geo", place.mirror.url))
        assert [program, *arguments[:3]] == ["python", "-m", "engine", "geo"]
        code, output, errors = place.run(*arguments[3:])
        assert (code, errors) == (0, ""), line
        assert output
    assert place.there().keys() >= {CITY, ASN}


def test_an_engine_uses_what_is_there(place: Place) -> None:
    """The demo after an update: rows have a city; old files are warned about once, and used."""
    whole_world = {f"{number}.0.0.0/8": mmdb.DB_IP_CITY for number in range(1, 224)}
    place.serve(CITY, place.file(whole_world, "DBIP-City-Lite", 50))
    place.serve(ASN, place.file(NETWORKS, "DBIP-ASN-Lite", 50))
    place.run("update")
    with EngineProcess(place.folder, "--once") as engine:
        assert engine.wait(60) == 0
    assert engine.errors.count("look-up data is old") == 1
    with sqlite3.connect(place.folder / "engine-demo.db") as connection:
        (name, *_), *_ = connection.execute(
            "SELECT name FROM sqlite_master WHERE name LIKE 'botnet_communications_%' AND type = 'table'"
        )
        assert connection.execute(f"SELECT DISTINCT city FROM {name} WHERE ip NOT LIKE '%:%'").fetchall() == [
            ("Paris",)
        ]
