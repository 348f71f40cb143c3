"""MMDB files: opened or refused, merged, and layered over the built-in table."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.lookups.layered import merged
from adapters.lookups.mmdb import MmdbFile
from adapters.lookups.reloading import FileLookup, open_lookup
from engine.errors import ConfigError
from engine.sighting import Facts
from tests import mmdb
from tests.mmdb import write_mmdb

CHINESE, FRENCH, AMERICAN = "114.114.114.114", "212.27.40.240", "8.8.8.8"


async def one(lookup: FileLookup, ip: str) -> Facts | None:
    """Look one address up."""
    return (await lookup.lookup([ip])).get(ip)


def damaged(path: Path) -> Path:
    """Overwrite all records of a file; tree and metadata stay."""
    content = bytearray(path.read_bytes())
    start = content.index(b"\0" * 16) + 16
    end = content.rindex(b"\xab\xcd\xefMaxMind.com")
    content[start:end] = b"\x3f" * (end - start)
    path.write_bytes(content)
    return path


async def test_files_are_merged_field_by_field(tmp_path: Path) -> None:
    """A city file and an ASN file together give one set of facts."""
    city = write_mmdb(tmp_path / "city.mmdb", {"114.0.0.0/8": mmdb.MAXMIND_CITY})
    asn = write_mmdb(tmp_path / "asn.mmdb", {"114.114.0.0/16": mmdb.MAXMIND_ASN})
    facts = await one(open_lookup([city, asn], builtin=False), CHINESE)
    assert facts == Facts("CN", "China", "Guangdong", "Guangzhou", "Asia", "Chinanet", 4134, 23.1181, 113.2539)


async def test_the_first_file_with_a_value_wins(tmp_path: Path) -> None:
    """Where two files disagree, the one named first is believed; the other fills the gaps."""
    first = write_mmdb(tmp_path / "1.mmdb", {"8.0.0.0/8": {"city": {"names": {"en": "First"}}}})
    second = write_mmdb(tmp_path / "2.mmdb", {"8.0.0.0/8": {"city": "Second", "country_code": "US"}})
    facts = await one(open_lookup([first, second], builtin=False), AMERICAN)
    assert facts == Facts("US", "United States", city="First")


async def test_a_complete_answer_stands(tmp_path: Path) -> None:
    """Where the first file knows everything, the second changes nothing."""
    first = write_mmdb(tmp_path / "1.mmdb", {"8.0.0.0/8": {**mmdb.MAXMIND_CITY, "traits": mmdb.MAXMIND_ASN}})
    second = write_mmdb(tmp_path / "2.mmdb", {"8.0.0.0/8": mmdb.DB_IP_CITY})
    facts = await one(open_lookup([first, second], builtin=True), AMERICAN)
    assert facts == Facts("CN", "China", "Guangdong", "Guangzhou", "Asia", "Chinanet", 4134, 23.1181, 113.2539)


async def test_the_built_in_table_fills_in_the_country(tmp_path: Path) -> None:
    """An ASN file knows no country, and half the addresses; the built-in table adds its own."""
    asn = write_mmdb(tmp_path / "asn.mmdb", {"114.114.0.0/16": mmdb.MAXMIND_ASN})
    lookup = open_lookup([asn], builtin=True)
    facts = await lookup.lookup([CHINESE, AMERICAN, "10.0.0.1"])
    assert facts == {
        CHINESE: Facts("CN", "China", isp="Chinanet", asn=4134),
        AMERICAN: Facts("US", "United States"),
    }


async def test_a_country_of_a_file_is_not_mixed_with_the_built_in_one(tmp_path: Path) -> None:
    """Code and name of a country always belong together."""
    file = write_mmdb(tmp_path / "1.mmdb", {"8.0.0.0/8": {"country": "France"}, "114.0.0.0/8": {"country_code": "XX"}})
    lookup = open_lookup([file], builtin=True)
    facts = await lookup.lookup([AMERICAN, CHINESE])
    assert facts == {AMERICAN: Facts("US", "United States"), CHINESE: Facts("XX", None)}


async def test_ipv6(tmp_path: Path) -> None:
    """IPv6 addresses are found, and are unknown to a file that holds IPv4 only."""
    old = write_mmdb(tmp_path / "4.mmdb", {"8.0.0.0/8": mmdb.MAXMIND_ASN}, ip_version=4)
    new = write_mmdb(tmp_path / "6.mmdb", {"2a01:e00::/26": mmdb.DB_IP_CITY, "8.0.0.0/8": mmdb.DB_IP_CITY})
    lookup = open_lookup([old, new], builtin=False)
    facts = await lookup.lookup(["2a01:e00::1", AMERICAN, "2001:db8::1"])
    assert {ip: (found.city, found.asn) for ip, found in facts.items()} == {
        "2a01:e00::1": ("Paris", None),
        AMERICAN: ("Paris", 4134),
    }


async def test_an_empty_record_is_no_fact(tmp_path: Path) -> None:
    """An address whose record says nothing usable is absent."""
    file = write_mmdb(tmp_path / "1.mmdb", {"8.0.0.0/8": {"city": 5}})
    assert await one(open_lookup([file], builtin=False), AMERICAN) is None


async def test_a_damaged_record_says_nothing(tmp_path: Path) -> None:
    """Damage inside the data section costs the records it hits, not the batch."""
    path = damaged(write_mmdb(tmp_path / "1.mmdb", {"9.0.0.0/8": mmdb.MAXMIND_ASN}))
    assert await one(open_lookup([path], builtin=False), "9.9.9.9") is None


def test_refused_files(tmp_path: Path) -> None:
    """A missing, damaged or truncated file, or a folder, is a configuration error that names it."""
    whole = write_mmdb(tmp_path / "whole.mmdb", {"8.0.0.0/8": mmdb.MAXMIND_CITY})
    (tmp_path / "noise.mmdb").write_bytes(os.urandom(5000))
    (tmp_path / "empty.mmdb").touch()
    (tmp_path / "cut.mmdb").write_bytes(whole.read_bytes()[:-200])
    (tmp_path / "folder.mmdb").mkdir()
    damaged(write_mmdb(tmp_path / "damaged.mmdb", {"8.0.0.0/8": mmdb.MAXMIND_CITY}))
    for name in ("damaged", "noise", "empty", "cut", "folder", "missing"):
        with pytest.raises(ConfigError, match=rf"^enrichment\.mmdb = '.*{name}\.mmdb': (cannot be read|not a usable)"):
            open_lookup([whole, tmp_path / f"{name}.mmdb"], builtin=True)


def test_repr(tmp_path: Path) -> None:
    """An open file shows which one it is."""
    file = MmdbFile(write_mmdb(tmp_path / "x.mmdb", {"8.0.0.0/8": mmdb.MAXMIND_ASN}))
    assert repr(file) == f"<MmdbFile {tmp_path}/x.mmdb>"


TEXTS = st.none() | st.sampled_from(["a", "b"])
DEGREES = st.none() | st.floats(-90, 90)
FACTS = st.builds(Facts, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, st.none() | st.integers(1, 3), DEGREES, DEGREES)


@given(FACTS, FACTS)
def test_merging_loses_nothing_and_invents_nothing(first: Facts, second: Facts) -> None:
    """Every merged field comes from one of the two, the first one's values stay, and the country is one of them."""
    both = merged(first, second)
    assert all(value in pair for value, pair in zip(both, zip(first, second, strict=True), strict=True))
    assert all(both[index] == first[index] for index in range(2, 9) if first[index] is not None)
    if both.country_code is not None:
        assert both[:2] in (first[:2], second[:2])
    assert merged(first, first) == first
