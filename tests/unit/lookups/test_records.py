"""Which facts each schema of MMDB records gives."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.lookups.records import facts_of
from engine.sighting import Facts
from tests import mmdb


@pytest.mark.parametrize(
    ("record", "facts"),
    [
        pytest.param(
            mmdb.MAXMIND_CITY,
            Facts("CN", "China", "Guangdong", "Guangzhou", "Asia", None, None, 23.1181, 113.2539),
            id="maxmind-city",
        ),
        pytest.param(mmdb.MAXMIND_ASN, Facts(isp="Chinanet", asn=4134), id="maxmind-asn"),
        pytest.param(
            {"isp": "Telstra Internet", "organization": "x", **mmdb.MAXMIND_ASN},
            Facts(isp="Telstra Internet", asn=4134),
            id="maxmind-isp",
        ),
        pytest.param(
            {"country": {"iso_code": "US"}, "traits": mmdb.MAXMIND_ASN},
            Facts("US", "United States", isp="Chinanet", asn=4134),
            id="maxmind-enterprise",
        ),
        pytest.param(
            mmdb.DB_IP_CITY,
            Facts("FR", "France", "Île-de-France", "Paris", "Europe", None, None, 48.8566, 2.35222),
            id="db-ip-city",
        ),
        pytest.param(
            mmdb.FLAT_CITY,
            Facts("JP", "Japan", "Osaka Prefecture", "Osaka", None, None, None, 34.6937, 135.5023),
            id="flat-city",
        ),
        pytest.param(
            mmdb.IPINFO_LITE,
            Facts("AU", "Australia", None, None, "Oceania", "Cloudflare, Inc.", 13335),
            id="ipinfo-lite",
        ),
        pytest.param(
            mmdb.IPINFO_COUNTRY_ASN,
            Facts("US", "United States", None, None, "North America", "Google LLC", 15169),
            id="ipinfo-country-asn",
        ),
        pytest.param(
            {"city": "Mainz", "region": "Rheinland-Pfalz", "country": "DE", "lat": "49.98", "lng": "8.25"},
            Facts("DE", "Germany", "Rheinland-Pfalz", "Mainz", None, None, None, 49.98, 8.25),
            id="ipinfo-location",
        ),
        pytest.param({"continent": {"code": "SA"}}, Facts(continent="South America"), id="continent-by-code"),
        pytest.param({"continent_code": "AN"}, Facts(continent="Antarctica"), id="flat-continent-by-code"),
        pytest.param({"country": "France"}, Facts(country="France"), id="country-name-only"),
        pytest.param({"subdivisions": []}, Facts(), id="no-subdivision"),
    ],
)
def test_every_schema(record: object, facts: Facts) -> None:
    """Each schema of the field is understood."""
    assert facts_of(record) == facts


@pytest.mark.parametrize(
    "record",
    [
        "a text",
        ["a list"],
        {"country": 5, "city": ["x"], "continent": 1.5, "subdivisions": "x", "location": "x"},
        {"country": {"iso_code": 7, "names": "China"}, "subdivisions": [1], "city": {"names": {"en": 1}}},
        {"country_code": "cn"},
        {"country_code": "CHN"},
        {"country_code": "ZZ", "city": "-", "state1": "", "as_name": "  "},
        {"location": {"latitude": "north", "longitude": 1.0}},
        {"location": {"latitude": 12.0}},
        {"latitude": 91.0, "longitude": 0.0},
        {"latitude": 0.0, "longitude": -180.5},
        {"latitude": math.nan, "longitude": math.inf},
        {"latitude": True, "longitude": False},
        {"latitude": 10**400, "longitude": 1},
        {"autonomous_system_number": True},
        {"autonomous_system_number": -1},
        {"autonomous_system_number": 2**32},
        {"autonomous_system_number": 1.0},
        {"asn": "ASxyz"},
        {"asn": "AS" + "9" * 5000},
        {"asn": "AS٣"},
    ],
)
def test_unfit_values_are_as_good_as_none(record: object) -> None:
    """A value of the wrong type, out of range, or standing for "unknown", is ignored."""
    assert facts_of(record) == Facts()


def test_one_bad_field_does_not_cost_the_others() -> None:
    """Next to a field of the wrong type the others stay."""
    record = dict(mmdb.MAXMIND_CITY) | {"city": 5, "location": {"latitude": "x"}}
    assert facts_of(record) == Facts("CN", "China", "Guangdong", None, "Asia")


KEYS = [
    "country", "country_code", "country_name", "continent", "continent_code", "city", "state1", "subdivisions",
    "location", "latitude", "longitude", "names", "en", "iso_code", "code", "asn", "as_name", "traits",
]  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=3)
RECORDS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=15,
)


@given(st.dictionaries(st.sampled_from(KEYS), RECORDS))
def test_any_record_gives_well_typed_facts(record: object) -> None:
    """Whatever a file holds, what comes out is of the right type and in range, and coordinates come in pairs."""
    facts = facts_of(record)
    for text in (facts.country_code, facts.country, facts.province, facts.city, facts.continent, facts.isp):
        assert text is None or (isinstance(text, str) and text)
    assert facts.asn is None or (type(facts.asn) is int and 0 < facts.asn < 2**32)
    assert (facts.latitude is None) == (facts.longitude is None)
    assert facts.latitude is None or -90 <= facts.latitude <= 90
