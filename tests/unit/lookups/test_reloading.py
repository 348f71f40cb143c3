"""Files that are replaced while they are in use."""

import os
import re
from pathlib import Path

import pytest
import trio

from adapters.lookups.reloading import FileLookup, open_lookup
from engine.errors import ConfigError
from tests import mmdb
from tests.mmdb import write_mmdb, write_tsv

IP = "8.8.8.8"
OLD, NEW = {"8.0.0.0/8": mmdb.DB_IP_CITY}, {"8.0.0.0/8": mmdb.FLAT_CITY}


def replace(path: Path, networks: dict[str, object]) -> None:
    """Put a new file in the place of another, by renaming."""
    write_mmdb(path.with_suffix(".new"), networks).replace(path)  # type: ignore[arg-type]


def mapped(path: Path) -> list[str]:
    """The files of this name that this process has mapped into its memory; one that is gone is called so."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return [line.split(maxsplit=5)[5] for line in lines if str(path) in line]


async def city(lookup: FileLookup) -> str | None:
    """What the look-up says of one address."""
    found = (await lookup.lookup([IP])).get(IP)
    return None if found is None else found.city


async def test_a_replaced_file_is_used_from_then_on(tmp_path: Path) -> None:
    """Another generation, other facts, another age; without a replacement nothing happens."""
    path = write_mmdb(tmp_path / "x.mmdb", OLD, built_at=1_700_000_000)
    lookup = open_lookup([path], builtin=False)
    assert (await city(lookup), lookup.generation, lookup.built_at) == ("Paris", 0, 1_700_000_000)
    write_mmdb(tmp_path / "new", NEW, built_at=1_790_000_000).replace(path)
    assert await city(lookup) == "Paris"
    assert await lookup.reload()
    assert (await city(lookup), lookup.generation, lookup.built_at) == ("Osaka", 1, 1_790_000_000)
    assert not await lookup.reload()


async def test_a_folder_fills_and_empties(tmp_path: Path) -> None:
    """Files come into use as they appear in the folder, sorted by name; other names are left alone."""
    lookup = open_lookup([], tmp_path / "geo", builtin=False)
    assert (await city(lookup), lookup.built_at) == (None, None)
    (tmp_path / "geo").mkdir()
    for name in (".b.mmdb.new", "b.mmdb.previous", "README"):
        (tmp_path / "geo" / name).write_bytes(b"none of ours")
    assert not await lookup.reload()
    write_mmdb(tmp_path / "geo" / "b.mmdb", OLD)
    assert await lookup.reload()
    assert await city(lookup) == "Paris"
    write_mmdb(tmp_path / "geo" / "a.mmdb", NEW)
    write_tsv(tmp_path / "geo" / "c.tsv", [("8.8.8.0", "8.8.8.255", 15169, "US", "GOOGLE")])
    assert await lookup.reload()
    assert (await lookup.lookup([IP]))[IP][2:7] == ("Osaka Prefecture", "Osaka", "Europe", "GOOGLE", 15169)
    assert lookup.uses == ["a.mmdb", "b.mmdb", "c.tsv"]
    for path in (tmp_path / "geo").iterdir():
        path.unlink()
    assert await lookup.reload()
    assert await city(lookup) is None
    assert lookup.uses == []


async def test_named_files_win_over_the_folder(tmp_path: Path) -> None:
    """Where files are named, nobody looks into the folder."""
    named = write_mmdb(tmp_path / "x.mmdb", OLD)
    (tmp_path / "geo").mkdir()
    write_mmdb(tmp_path / "geo" / "a.mmdb", NEW)
    lookup = open_lookup([named], tmp_path / "geo", builtin=False)
    assert await city(lookup) == "Paris"


async def test_a_replacement_that_cannot_be_used_is_said_once(tmp_path: Path) -> None:
    """The one in use stays, until there is a better one."""
    path = write_mmdb(tmp_path / "x.mmdb", OLD)
    lookup = open_lookup([path], builtin=False)
    (tmp_path / "new").write_bytes(b"<html>")
    (tmp_path / "new").replace(path)
    with pytest.raises(ConfigError, match=re.escape(f"enrichment.mmdb = '{path}': not a usable MMDB file")):
        await lookup.reload()
    assert not await lookup.reload()
    assert (await city(lookup), lookup.generation) == ("Paris", 0)
    path.unlink()
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        await lookup.reload()
    assert not await lookup.reload()
    assert await city(lookup) == "Paris"
    write_mmdb(path, NEW)
    assert await lookup.reload()
    assert await city(lookup) == "Osaka"


async def test_a_lookup_under_way_ends_on_the_files_it_began_with(tmp_path: Path) -> None:
    """The replacement comes between two calls, never within one; the last user lets go of the old file."""
    path = write_mmdb(tmp_path / "x.mmdb", OLD)
    lookup = open_lookup([path], builtin=False)
    ips = [f"8.8.{third}.{fourth}" for third in range(8) for fourth in range(256)]
    cities: list[set[str | None]] = []

    async def look_up() -> None:
        cities.append({facts.city for facts in (await lookup.lookup(ips)).values()})

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look_up)
        await trio.lowlevel.checkpoint()
        replace(path, dict(NEW))
        assert await lookup.reload()
        nursery.start_soon(look_up)
    assert cities == [{"Paris"}, {"Osaka"}]
    assert mapped(path) == [str(path)]


async def begin_to_read_a_pipe(lookup: FileLookup, path: Path, nursery: trio.Nursery) -> int:
    """Let the file be replaced by a pipe, and the look-up wait for what is written into the returned end of it."""
    os.mkfifo(path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)
    nursery.start_soon(lookup.reload)
    return await trio.to_thread.run_sync(os.open, path, os.O_WRONLY)  # as soon as somebody reads


async def test_lookups_go_on_while_a_file_is_read(tmp_path: Path) -> None:
    """However long the disk takes: here for as long as nobody writes into the pipe that is the new file."""
    path = write_tsv(tmp_path / "x.tsv", [("8.8.8.0", "8.8.8.255", 1, "US", "OLD")])
    lookup = open_lookup([path], builtin=False)
    async with trio.open_nursery() as nursery:
        pipe = await begin_to_read_a_pipe(lookup, path, nursery)
        for _ in range(3):
            assert (await lookup.lookup([IP]))[IP].isp == "OLD"
        os.write(pipe, b"8.8.8.0\t8.8.8.255\t2\tUS\tNEW\n")
        os.close(pipe)
    assert (await lookup.lookup([IP]))[IP].isp == "NEW"


async def test_a_disk_that_does_not_answer_holds_nobody_up(tmp_path: Path) -> None:
    """A reload that waits for ever is given up with its task."""
    path = write_tsv(tmp_path / "x.tsv", [("8.8.8.0", "8.8.8.255", 1, "US", "OLD")])
    lookup = open_lookup([path], builtin=False)
    async with trio.open_nursery() as nursery:
        pipe = await begin_to_read_a_pipe(lookup, path, nursery)
        nursery.cancel_scope.cancel()
    assert (await lookup.lookup([IP]))[IP].isp == "OLD"
    os.close(pipe)  # lets the thread go
