"""TSV files of address ranges: both families, gaps, and lines that are none."""

import ipaddress
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.lookups.files import UnusableFileError
from adapters.lookups.ranges import Ranges, RangesFile
from engine.sighting import Facts
from tests.mmdb import write_tsv
from tests.resident import MEBIBYTE

GOOGLE = Facts(country_code="US", country="United States", isp="GOOGLE", asn=15169)
CLOUDFLARE = Facts(country_code="US", country="United States", isp="CLOUDFLARENET", asn=13335)
NOTHING = Facts()


def test_both_families_in_any_order(tmp_path: Path) -> None:
    """First and last address belong to a range, their neighbours do not; an IPv4-only text finds no IPv6 range."""
    ranges = [
        ("2001:4860::", "2001:4860:ffff:ffff:ffff:ffff:ffff:ffff", 15169, "US", "GOOGLE"),
        ("8.8.8.0", "8.8.8.255", 15169, "US", "GOOGLE"),
        ("1.1.1.0", "1.1.1.255", 13335, "US", "CLOUDFLARENET"),
        ("1.0.0.0", "1.0.0.255", 13335, "US", "CLOUDFLARENET"),
    ]
    file = RangesFile(write_tsv(tmp_path / "x.tsv", ranges))
    known = {ip: file.facts(ip) for ip in ("1.0.0.0", "1.0.0.255", "1.1.1.1", "8.8.8.8", "2001:4860::8888")}
    assert known == dict.fromkeys(("1.0.0.0", "1.0.0.255", "1.1.1.1"), CLOUDFLARE) | dict.fromkeys(
        ("8.8.8.8", "2001:4860::8888"), GOOGLE
    )
    outside = (
        "0.255.255.255",
        "1.0.1.0",
        "8.8.9.0",
        "255.255.255.255",
        "::",
        "2001:4861::",
        "::8.8.8.8",
        "fe80::1%eth0",
    )
    assert {file.facts(ip) for ip in (*outside, "", "no address", "8.8.8", "8.8.8.8\0")} == {NOTHING}
    assert (file.about.kind, file.about.entries) == ("ip2asn", 4)
    assert file.about.built_at == (tmp_path / "x.tsv").stat().st_mtime
    assert repr(file) == f"<RangesFile {tmp_path}/x.tsv>"


def test_what_is_not_routed_is_unknown(tmp_path: Path) -> None:
    """AS 0 says nothing; a country that is none, and an empty name, are None."""
    ranges = [
        ("1.0.0.0", "1.0.0.255", 13335, "None", ""),
        ("1.0.1.0", "1.0.3.255", 0, "None", "Not routed"),
        ("1.0.4.0", "1.0.4.255", 38803, "AU", " Größe \t"),
    ]
    file = RangesFile(write_tsv(tmp_path / "x.tsv", ranges[:2]))
    assert (file.facts("1.0.0.1"), file.facts("1.0.2.1")) == (Facts(asn=13335), NOTHING)
    assert file.about.entries == 1


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (b"", "it holds no range"),
        (b"<!DOCTYPE html>\n<html><body>Not found</body></html>\n", "line 1: "),
        (b"1.0.0.0\t1.0.0.255\t13335\tUS\tX\n1.0.1.0\t1.0.", "line 2: "),
        (b"1.0.0.0\t1.0.0.255\t13335\tUS\n", "line 1: "),
        (b"1.0.0.0\t1.0.0.255\tAS13335\tUS\tX\n", "line 1: no AS number"),
        (b"1.0.0.0\t1.0.0.255\t4294967296\tUS\tX\n", "line 1: no AS number"),
        (b"1.0.0.0\t1.0.0.999\t13335\tUS\tX\n", "line 1: no range of addresses"),
        (b"1.0.0.0\t::1\t13335\tUS\tX\n", "line 1: no range of addresses"),
        (b"1.0.0.9\t1.0.0.1\t13335\tUS\tX\n", "line 1: a range that ends before it begins"),
        (b"\xff\t1.0.0.1\t13335\tUS\tX\n", "line 1: "),
        (b"1.0.0.0\t1.0.0.255\t0\tNone\tNot routed\n", "it holds no range"),
        (b"\0" * 5000, "line 1: "),
    ],
)
def test_refused_content(tmp_path: Path, content: bytes, wrong: str) -> None:
    """A file with one line that is no range is no file to work with, and the message says which line."""
    (tmp_path / "x.tsv").write_bytes(content)
    with pytest.raises(UnusableFileError, match=f"^not a usable TSV file: {wrong}"):
        RangesFile(tmp_path / "x.tsv")


def test_refused_files(tmp_path: Path) -> None:
    """A missing file, and a folder."""
    for path in (tmp_path / "missing.tsv", tmp_path):
        with pytest.raises(UnusableFileError, match="^cannot be read: "):
            RangesFile(path)


@given(st.lists(st.integers(0, 2**32 - 1), min_size=2, max_size=40, unique=True), st.integers(0, 2**32 - 1))
def test_it_finds_what_a_plain_search_finds(edges: Sequence[int], asked: int) -> None:
    """Whatever the ranges and their order in the file, as long as they do not overlap."""
    ordered = sorted(edges)
    ranges = [(low, high) for low, high in zip(ordered[::2], ordered[1::2], strict=False)]
    rows = [b"".join(part.to_bytes(4, "big") for part in (*each, number)) for number, each in enumerate(ranges)]
    table = Ranges(4, rows[::-1])
    for address in (asked, *edges):
        plain = [number for number, (low, high) in enumerate(ranges) if low <= address <= high]
        assert table.find(address.to_bytes(4, "big")) == (plain[0] if plain else None)


def test_memory_is_bounded(tmp_path: Path) -> None:
    """A hundred thousand ranges of two thousand networks stay in some three megabytes."""
    first = int(ipaddress.IPv4Address("1.0.0.0"))
    write_tsv(
        tmp_path / "x.tsv",
        (
            (str(ipaddress.IPv4Address(low)), str(ipaddress.IPv4Address(low + 255)), number % 2_000 + 1, "DE", "N")
            for number, low in enumerate(range(first, first + 100_000 * 256, 256))
        ),
    )
    RangesFile(tmp_path / "x.tsv")  # what the first look at a country costs is not meant
    tracemalloc.start()
    file = RangesFile(tmp_path / "x.tsv")
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert file.facts("1.0.1.7") == Facts(country_code="DE", country="Germany", isp="N", asn=2)
    assert kept < 4 * MEBIBYTE
