"""Real MMDB files for tests, written on the spot."""

from collections.abc import Mapping
from pathlib import Path

from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]  # its stubs are another package

MAXMIND_CITY: Mapping[str, object] = {
    "city": {"geoname_id": 1815286, "names": {"de": "Kanton", "en": "Guangzhou"}},
    "continent": {"code": "AS", "names": {"en": "Asia"}},
    "country": {"iso_code": "CN", "names": {"en": "China"}},
    "registered_country": {"iso_code": "US", "names": {"en": "United States"}},
    "location": {"accuracy_radius": 50, "latitude": 23.1181, "longitude": 113.2539, "time_zone": "Asia/Shanghai"},
    "subdivisions": [{"iso_code": "GD", "names": {"en": "Guangdong"}}, {"names": {"en": "second"}}],
}
MAXMIND_ASN: Mapping[str, object] = {
    "autonomous_system_number": 4134,
    "autonomous_system_organization": "Chinanet",
}
DB_IP_CITY: Mapping[str, object] = {
    "city": {"names": {"en": "Paris"}},
    "continent": {"code": "EU", "geoname_id": 6255148, "names": {"en": "Europe"}},
    "country": {"geoname_id": 3017382, "is_in_european_union": True, "iso_code": "FR", "names": {"en": "France"}},
    "location": {"latitude": 48.8566, "longitude": 2.35222},
    "subdivisions": [{"names": {"en": "Île-de-France"}}],
}
FLAT_CITY: Mapping[str, object] = {
    "city": "Osaka",
    "country_code": "JP",
    "latitude": 34.6937,
    "longitude": 135.5023,
    "postcode": "",
    "state1": "Osaka Prefecture",
    "state2": "",
    "timezone": "Asia/Tokyo",
}
IPINFO_LITE: Mapping[str, object] = {
    "as_domain": "cloudflare.com",
    "as_name": "Cloudflare, Inc.",
    "asn": "AS13335",
    "continent": "Oceania",
    "continent_code": "OC",
    "country": "Australia",
    "country_code": "AU",
}
IPINFO_COUNTRY_ASN: Mapping[str, object] = {
    "as_name": "Google LLC",
    "asn": "AS15169",
    "continent": "NA",
    "continent_name": "North America",
    "country": "US",
    "country_name": "United States",
}


def write_mmdb(path: Path, networks: Mapping[str, Mapping[str, object]], *, ip_version: int = 6) -> Path:
    """Write a file that holds these networks, and return its path."""
    writer = MMDBWriter(ip_version=ip_version, ipv4_compatible=ip_version == 6, database_type="Test")
    for network, record in networks.items():
        writer.insert_network(IPSet([network]), dict(record))
    writer.to_db_file(str(path))
    return path
