"""What was seen most: bounded counters, filled once a transaction."""

from collections import Counter

import pytest

from engine.delivery import Batch
from engine.sighting import Facts, Sighting
from engine.top import NEWEST, SAMPLE, Top, Tops


def batch(*ips: str) -> Batch:
    """Sightings of these addresses."""
    sightings = [Sighting(ip, "2026-11-20 08:00:00", number) for number, ip in enumerate(ips, 1)]
    return Batch("s", 0, 1, len(ips), 0, "2026-11-20 08:00:00", "mirai", sightings)


def test_the_rarer_half_is_forgotten() -> None:
    """However many names come, no more than the limit are kept, and what is frequent stays."""
    top: Top[str] = Top(limit=10)
    for number in range(1_000):
        top.add({f"rare-{number}": 1, "frequent": 3})
        assert len(top.counts) <= 10
    assert top.most(1) == [("frequent", 3_000)]


def test_an_address_counts_once_a_transaction() -> None:
    """Countries and networks of the facts, whatever is not known beside them."""
    tops = Tops()
    facts = {"1.1.1.1": Facts("AU", asn=13335, isp="Cloudflare"), "8.8.8.8": Facts("US"), "9.9.9.9": Facts()}
    tops.saw([batch("1.1.1.1", "1.1.1.1"), batch("8.8.8.8", "9.9.9.9")], facts)
    tops.saw([batch("8.8.8.8")], {"8.8.8.8": facts["8.8.8.8"]})
    assert tops.countries.counts == Counter({"US": 2, "AU": 1, None: 1})
    assert tops.networks.counts[13335, "Cloudflare"] == 1


def test_of_a_large_transaction_a_sample_counts() -> None:
    """Every country's share is right within a few per cent, and so is the sum."""
    tops = Tops()
    ips = [f"9.{number >> 16}.{number >> 8 & 255}.{number & 255}" for number in range(5_003)]
    facts = {ip: Facts("CN" if number % 3 else "US") for number, ip in enumerate(ips)}
    for _ in range(33):
        tops.saw([batch(*ips)], facts)
    assert tops.countries.counts.total() == pytest.approx(33 * 5_003, rel=0.01)
    assert tops.countries.counts["CN"] == pytest.approx(33 * 5_003 * 2 / 3, rel=0.05)
    assert len(ips) > SAMPLE


def test_the_newest_are_the_last_of_the_last_batch() -> None:
    """At most twenty, however large the batch."""
    tops = Tops()
    ips = [f"9.9.{number // 250}.{number % 250}" for number in range(300)]
    tops.saw([batch(*ips)], dict.fromkeys(ips, Facts("CH")))
    assert [seen.sighting.ip for seen in tops.newest] == ips[-NEWEST:]
    tops.saw([batch("1.1.1.1")], {"1.1.1.1": Facts()})
    assert len(tops.newest) == NEWEST
    assert tops.newest[-1].sighting.ip == "1.1.1.1"
