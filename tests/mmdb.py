"""Real look-up files for tests, written on the spot."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]  # its stubs are another package

EPOCH_KEY = b"build_epoch\x04\x02"
"""Behind it stand the four bytes of the moment at which the file was built."""

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


def write_mmdb(
    path: Path,
    networks: Mapping[str, Mapping[str, object]],
    *,
    ip_version: int = 6,
    kind: str = "Test",
    built_at: int | None = None,
) -> Path:
    """Write a file that holds these networks, and return its path; it was built now, or at that second."""
    writer = MMDBWriter(ip_version=ip_version, ipv4_compatible=ip_version == 6, database_type=kind)
    for network, record in networks.items():
        writer.insert_network(IPSet([network]), dict(record))
    writer.to_db_file(str(path))
    if built_at is not None:
        content = path.read_bytes()
        place = content.rindex(EPOCH_KEY) + len(EPOCH_KEY)
        path.write_bytes(content[:place] + built_at.to_bytes(4, "big") + content[place + 4 :])
    return path


def write_tsv(path: Path, ranges: Iterable[tuple[str, str, int, str, str]]) -> Path:
    """Write a file of address ranges as iptoasn.com does, and return its path."""
    path.write_text("".join("\t".join(map(str, each)) + "\n" for each in ranges))
    return path
