"""`dead-letters` as a user types it: what could not be stored is found, shown, tried again, given up."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from tests.collector import running_collector
from tests.integration.places import Ended, Place, SqlitePlace, configure, typed

HOSTILE = "zeus\x1b[2J\u202e"


def record(ip: object, botnet_type: str = "mirai", second: int = 1) -> dict[str, object]:
    """A record as a collector has it."""
    return {"ip": ip, "timestamp": f"2026-11-20T00:00:0{second}", "botnet_type": botnet_type, "log_type": "online"}


RECORDS = [
    record("8.8.8.8"),
    record("10.0.0.1"),
    record("999.1.1.1"),
    record("8.8.4.4", "ramnit"),
    record("8.8.4.5", HOSTILE),
]
"""One that is stored, and four that are not where only `mirai` is accepted: letters 1 to 4."""


@pytest.fixture
def filled(place: Place) -> Place:
    """A place with four dead letters, of the source `s1`; `s2` has sent nothing."""
    with running_collector() as first, running_collector() as second:
        configure(place, first.url, second.url, acceptance={"botnet_types": ["mirai"]})
        first.add(RECORDS)
        assert typed(place, "run", "--once").code == 0
    return place


def letters(place: Place, *arguments: str) -> Ended:
    """Type a command about dead letters."""
    return typed(place, "dead-letters", *arguments)


def listed(place: Place, *arguments: str) -> list[dict[str, object]]:
    """What `list` says in JSON."""
    ended = letters(place, "list", "--json", *arguments)
    assert ended.code == 0, ended.errors
    return [json.loads(line) for line in ended.output.splitlines()]


def ids(place: Place, *arguments: str) -> list[object]:
    """The ids of what `list` says."""
    return [letter["id"] for letter in listed(place, *arguments)]


def stored(place: Place, botnet_type: str = "mirai") -> list[object]:
    """The addresses that have a communication."""
    return [ip for (ip,) in place.rows(f"SELECT ip FROM botnet_communications_{botnet_type} ORDER BY id")]


def audited(place: Place) -> dict[str, int]:
    """What the audit says of the source `s1`; it must balance."""
    ended = typed(place, "audit", "--json")
    assert ended.code == 0, ended.output
    found: dict[str, int] = json.loads(ended.output)["sources"][0]
    return found


def test_letters_are_listed_and_filtered(filled: Place) -> None:
    """By source, type, reason, time and id, in text and JSON; nothing hostile reaches the terminal."""
    assert ids(filled) == ["1", "2", "3", "4"]
    assert ids(filled, "--botnet", "ramnit") == ["3"]
    assert ids(filled, "--reason", "PRIVATE") == ["1"]
    assert ids(filled, "--source", "s2") == []
    assert ids(filled, "--since", "1h", "--source", "s1") == ["1", "2", "3", "4"]
    assert ids(filled, "--since", "2999-01-01") == []
    assert ids(filled, "--limit", "2") == ["1", "2"]
    assert ids(filled, "4", "1") == ["1", "4"]
    assert ids(filled, "--botnet", HOSTILE) == []  # escaped in the bytes: they do not contain it
    head, *lines = letters(filled, "list").output.splitlines()
    assert head.split() == ["id", "created_time", "source", "botnet_type", "stage", "attempts", "reason"]
    assert [line.index("fetch") for line in lines] == [head.index("stage")] * 4
    assert all(line.isprintable() for line in lines)
    assert r"zeus\x1b[2J\u202e" in lines[3]


def test_letters_are_shown_whole(filled: Place) -> None:
    """With every byte of the record, escaped for people."""
    shown = letters(filled, "show", "4").output
    assert all(line.isprintable() for line in shown.splitlines())
    assert "8.8.4.5" in shown
    (letter,) = map(json.loads, letters(filled, "show", "2", "--json").output.splitlines())
    assert json.loads(letter["original"])["ip"] == "999.1.1.1"
    filled.rows("UPDATE dead_letters SET original = X'1b5b324aff' WHERE id = 1")
    assert r"\x1b[2J\xff" in letters(filled, "show", "1").output
    (letter,) = map(json.loads, letters(filled, "show", "1", "--json").output.splitlines())
    assert letter["original_base64"] == "G1sySv8="


def test_a_retry_after_a_setting_was_changed(filled: Place) -> None:
    """What is accepted now is written, once; the rest stays with its reason; a dry run changes nothing."""
    allowed = ["--set", "acceptance.allow_reserved=true", "--set", "acceptance.botnet_types=mirai,ramnit"]
    before = listed(filled)
    dry = letters(filled, "retry", "--dry-run", "--json", *allowed)
    assert json.loads(dry.output.splitlines()[-1]) == {
        "accepted": 2, "written": 2, "duplicates": 0, "stay": 2, "gone": 0, "dry_run": True,
    }  # fmt: skip
    assert (dry.code, listed(filled), stored(filled)) == (1, before, ["8.8.8.8"])
    done = letters(filled, "retry", *allowed)
    assert done.code == 1
    assert "1  accepted: mirai" in done.output
    assert "2  refused: ip '999.1.1.1' is not an IPv4 or IPv6 address" in done.output
    assert "accepted 2 (written 2, there before 0), dead letters that stay 2" in done.output
    assert (stored(filled), stored(filled, "ramnit")) == (["8.8.8.8", "10.0.0.1"], ["8.8.4.4"])
    assert [(letter["id"], letter["attempts"]) for letter in listed(filled)] == [("2", 2), ("4", 2)]
    again = letters(filled, "retry", "1", "3", *allowed)
    assert again.code == 1
    assert "no dead letter 1 here" in again.errors
    assert (stored(filled), stored(filled, "ramnit")) == (["8.8.8.8", "10.0.0.1"], ["8.8.4.4"])
    source = audited(filled)
    assert (source["written"], source["rejected"], source["retried"]) == (1, 4, 2)


def test_a_retry_with_a_mended_record(filled: Place) -> None:
    """From an option, a file or standard input; one that is refused leaves the letter as it was."""
    before = listed(filled)
    bad = letters(filled, "retry", "2", "--record", json.dumps(record("10.0.0.2")))
    assert bad.code == 1
    assert "10.0.0.2 is private" in bad.output
    assert listed(filled) == before
    good = letters(filled, "retry", "2", "--record", json.dumps(record("9.9.9.9")))
    assert good.code == 0
    piped = json.dumps(record("9.9.9.8")).encode()
    assert typed(filled, "dead-letters", "retry", "4", "--record-file", "-", stdin=piped).code == 0
    (filled.folder / "mended.json").write_text(json.dumps(record("9.9.9.7")))
    assert letters(filled, "retry", "3", "--record-file", "mended.json").code == 0
    assert stored(filled) == ["8.8.8.8", "9.9.9.9", "9.9.9.8", "9.9.9.7"]
    assert ids(filled) == ["1"]


def test_letters_are_dropped(filled: Place) -> None:
    """Those that are meant, for good; all of them only when that is said; a dry run drops none."""
    refused = letters(filled, "drop")
    assert refused.code == 2
    assert "--all" in refused.errors
    assert json.loads(letters(filled, "drop", "--all", "--dry-run", "--json").output) == {"dropped": 4, "dry_run": True}
    assert ids(filled) == ["1", "2", "3", "4"]
    assert letters(filled, "drop", "2").output == "dropped 1\n"
    assert letters(filled, "drop", "--botnet", "ramnit").output == "dropped 1\n"
    assert letters(filled, "drop", "2").code == 1
    assert ids(filled) == ["1", "4"]
    assert letters(filled, "drop", "--all").output == "dropped 2\n"
    assert letters(filled, "list").output == "no dead letters\n"
    source = audited(filled)
    assert source["rejected"] == 4


def test_what_the_queue_buried_is_tried_again_whole(place: Place) -> None:
    """Its records are written once, it is gone from the queue, and everything is accounted for."""

    async def bury() -> None:
        async with place.open_queue() as queue:
            (delivery,) = await queue.claim(1, 0)
            await queue.dead_letter(delivery, "not \x1b[2J even as a dead letter")

    with running_collector() as collector:
        configure(place, collector.url)
        collector.add([record("8.8.8.8", second=number) for number in range(1, 6)])
        assert typed(place, "fetch", "--once").code == 0
    trio.run(bury)
    (letter,) = listed(place)
    assert (letter["stage"], letter["source"], letter["botnet_type"], letter["records"]) == ("queue", "s1", "mirai", 5)
    name = str(letter["id"])
    assert name.startswith("queue:")
    assert r"\x1b[2J" in letters(place, "list", "--botnet", "mirai", "--reason", "EVEN", "--since", "1h").output
    assert ids(place, "--botnet", "ramnit") == []
    assert letters(place, "show", name).code == 0
    source = audited(place)
    assert (source["queued"], source["dead"]) == (5, 5)
    assert letters(place, "retry", name, "--dry-run").code == 0
    assert ids(place) == [name]
    assert letters(place, "retry", name).code == 0
    assert (ids(place), stored(place)) == ([], ["8.8.8.8"] * 5)
    assert letters(place, "retry", name).code == 1
    source = audited(place)
    assert (source["written"], source["queued"], source["dropped"]) == (5, 0, 0)


def test_what_nobody_can_read_is_shown_and_dropped(place: Place) -> None:
    """A retry refuses it clearly; dropped, it counts as rejected."""
    with running_collector() as collector:
        configure(place, collector.url)
        collector.add([record("8.8.8.8"), record("8.8.4.4")])
        assert typed(place, "fetch", "--once").code == 0
    place.spoil_queue()
    assert typed(place, "worker", "--once").code == 0
    (letter,) = listed(place)
    name = str(letter["id"])
    (whole,) = map(json.loads, letters(place, "show", name, "--json").output.splitlines())
    assert whole["original"] == "\0"
    refused = letters(place, "retry")
    assert refused.code == 1
    assert f"{name}  refused: its bytes are no batch" in refused.output
    assert letters(place, "drop", name).output == "dropped 1\n"
    assert ids(place) == []


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_wrong_words_are_wrong_usage(filled: Place) -> None:
    """Exit code 2 and what is allowed, before anything is touched."""
    for arguments, said in {
        ("list", "seventeen"): "neither a number nor queue:",
        ("list", "--since", "yesterday"): "allowed: a time ago such as 24h",
        ("list", "--source", "s3"): "no source 's3' is configured (there are: s1, s2)",
        ("show",): "which?",
        ("retry", "--record", "{}", "1"): "no JSON object, or an empty one",
        ("retry", "--record", '{"ip": "1.2.3.4"}'): "exactly one letter",
        ("retry", "--record", '{"ip": "1.2.3.4"}', "1", "2"): "exactly one letter",
        ("retry", "--record", '{"ip": "1.2.3.4"}', "--record-file", "-", "1"): "one of them",
        ("retry", "--record-file", "nowhere.json", "1"): "nowhere.json",
    }.items():
        ended = letters(filled, *arguments)
        assert ended.code == 2, arguments
        assert said in ended.errors, ended.errors
    assert ids(filled) == ["1", "2", "3", "4"]


def test_servers_that_are_away_and_settings_that_are_wrong(tmp_path: Path) -> None:
    """69 names the server, 78 the setting; letters of the database need no queue."""
    place = SqlitePlace(tmp_path)
    for command in ("list", "retry", "drop"):
        everything = ["--all"] if command == "drop" else []
        for away in (["--database", "mysql://root@127.0.0.1:1/x"], ["--queue", "redis://127.0.0.1:1/0"]):
            ended = letters(place, command, *everything, *away)
            assert (ended.code, len(ended.errors.splitlines())) == (69, 1), ended.errors
        assert letters(place, command, *everything, "--queue", "amqp://x").code == 78
    assert letters(place, "list", "1", "--queue", "redis://127.0.0.1:1/0").code == 1


def test_a_pipe_that_closes_early_is_no_error(tmp_path: Path) -> None:
    """`dead-letters list | head -1` ends quietly."""
    place = SqlitePlace(tmp_path)
    with running_collector() as collector:
        configure(place, collector.url)
        collector.add([{"no": number} for number in range(5000)])
        assert typed(place, "run", "--once").code == 0
    listing = f"{sys.executable} -m engine dead-letters list | head -1"
    ended = subprocess.run(listing, shell=True, cwd=place.folder, capture_output=True, check=False, timeout=60)
    assert (ended.stdout[:2], ended.stderr) == (b"id", b"")
