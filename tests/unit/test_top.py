"""What was seen most: bounded counters, filled once a transaction."""

from collections import Counter

from engine.delivery import Batch
from engine.sighting import Facts, Sighting
from engine.top import NAMED, NAMES, NEWEST, Top, Tops


def batch(*ips: str) -> Batch:
    """Sightings of these addresses."""
    sightings = [Sighting(ip, "2026-11-20 08:00:00", number) for number, ip in enumerate(ips, 1)]
    return Batch("s", 0, 1, len(ips), 0, "2026-11-20 08:00:00", "mirai", sightings)


def test_the_rarer_half_is_forgotten() -> None:
    """However many names come, no more than the limit are kept, and what is frequent stays."""
    top: Top[str] = Top(limit=10)
    for number in range(1_000):
        top.add([f"rare-{number}", *["frequent"] * 3])
        assert len(top.counts) <= 10
    assert top.most(1) == [("frequent", 3_000)]


def test_an_address_counts_once_a_transaction() -> None:
    """Countries and networks of the facts, whatever is not known beside them."""
    tops = Tops()
    facts = {"1.1.1.1": Facts("AU", asn=13335, isp="Cloudflare"), "8.8.8.8": Facts("US"), "9.9.9.9": Facts()}
    tops.saw([batch("1.1.1.1", "1.1.1.1"), batch("8.8.8.8", "9.9.9.9")], facts)
    tops.saw([batch("8.8.8.8")], {"8.8.8.8": facts["8.8.8.8"]})
    assert tops.countries.counts == Counter({"US": 2, "AU": 1, None: 1})
    assert tops.most_networks(1) == [(13335, "Cloudflare", 1)]


def test_of_a_large_transaction_every_address_counts() -> None:
    """Exactly, by number where the network has one, else by its name; what neither is known of is left out."""
    tops = Tops()
    kinds = [Facts("CN", asn=1, isp="One"), Facts("CN", asn=2), Facts("US", isp="Three"), Facts()]
    facts = {f"9.{n >> 16}.{n >> 8 & 255}.{n & 255}": kinds[min(3, n % 7)] for n in range(7 * 1_001)}
    for _ in range(3):
        tops.saw([batch(*facts)], facts)
    assert tops.countries.counts == Counter({"CN": 6_006, "US": 3_003, None: 12_012})
    assert tops.networks.counts == Counter({1: 3_003, 2: 3_003, "Three": 3_003, None: 12_012})
    assert sorted(tops.most_networks(20), key=str) == [(1, "One", 3_003), (2, None, 3_003), (None, "Three", 3_003)]


def test_a_network_has_the_name_that_was_seen_last() -> None:
    """Renamed, or named at last, it is still the same network."""
    tops = Tops()
    for name in (None, "Old", "New"):
        tops.saw([batch("1.1.1.1")], {"1.1.1.1": Facts(asn=13335, isp=name)})
    assert tops.most_networks(1) == [(13335, "New", 3)]


def test_names_are_bounded() -> None:
    """Those of networks that are no longer counted are forgotten."""
    tops = Tops(networks=Top(limit=10))
    many = {f"9.{n >> 16}.{n >> 8 & 255}.{n & 255}": Facts(asn=n, isp=f"network {n}") for n in range(NAMED)}
    for turn in range(2 * NAMES // NAMED + 1):
        facts = {ip: known._replace(asn=NAMED * turn + number) for number, (ip, known) in enumerate(many.items())}
        tops.saw([batch("9.0.0.1")], facts)
    assert len(tops.names) <= 10 < len(many)


def test_the_newest_are_the_last_of_the_last_batch() -> None:
    """At most twenty, however large the batch."""
    tops = Tops()
    ips = [f"9.9.{number // 250}.{number % 250}" for number in range(300)]
    tops.saw([batch(*ips)], dict.fromkeys(ips, Facts("CH")))
    assert [seen.sighting.ip for seen in tops.newest] == ips[-NEWEST:]
    tops.saw([batch("1.1.1.1")], {"1.1.1.1": Facts()})
    assert len(tops.newest) == NEWEST
    assert tops.newest[-1].sighting.ip == "1.1.1.1"
