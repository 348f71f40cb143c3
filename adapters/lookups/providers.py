"""Who gives out look-up files: which ones, where, for what, and what their licences ask to be said. Pure."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final, NamedTuple

from engine.errors import ConfigError
from engine.settings import GeoSettings


class Edition(NamedTuple):
    """One file of a provider.

    `name` is the file's name here, `path` where it is at the provider (`{month}` becomes YYYY-MM), `promises` the fact
    that it has to know of the best known addresses.
    """

    name: str
    path: str
    promises: str


class Provider(NamedTuple):
    """`mark` is a part, in small letters, of what the provider's files call themselves."""

    base_url: str
    mark: str
    attribution: str
    editions: Sequence[Edition]


class Access(NamedTuple):
    """What shows the provider who asks: headers for its own host only, and a query for the first request."""

    headers: Mapping[str, str] = {}
    query: Mapping[str, str] = {}


PROVIDERS: Final[Mapping[str, Provider]] = {
    "dbip": Provider(
        "https://download.db-ip.com/free",
        "dbip-",
        "IP Geolocation by DB-IP, https://db-ip.com (CC BY 4.0)",
        (
            Edition("dbip-city-lite.mmdb", "dbip-city-lite-{month}.mmdb.gz", "country_code"),
            Edition("dbip-asn-lite.mmdb", "dbip-asn-lite-{month}.mmdb.gz", "asn"),
        ),
    ),
    "iptoasn": Provider(
        "https://iptoasn.com/data",
        "ip2asn",
        "IP to ASN data of https://iptoasn.com (public domain, PDDL 1.0)",
        (Edition("ip2asn-combined.tsv", "ip2asn-combined.tsv.gz", "asn"),),
    ),
    "ipinfo": Provider(
        "https://ipinfo.io/data",
        "ipinfo",
        "IP address data is powered by IPinfo, https://ipinfo.io (CC BY-SA 4.0)",
        (Edition("ipinfo_lite.mmdb", "ipinfo_lite.mmdb", "asn"),),
    ),
    "maxmind": Provider(
        "https://download.maxmind.com/geoip/databases",
        "geolite2-",
        "This product includes GeoLite2 Data created by MaxMind, available from https://www.maxmind.com "
        "(GeoLite2 End User License Agreement)",
        (
            Edition("GeoLite2-City.mmdb", "GeoLite2-City/download?suffix=tar.gz", "country_code"),
            Edition("GeoLite2-ASN.mmdb", "GeoLite2-ASN/download?suffix=tar.gz", "asn"),
        ),
    ),
}


def attribution_of(kind: str) -> str | None:
    """What has to be said where data of such a file is shown; None for a file of somebody else."""
    return next((each.attribution for each in PROVIDERS.values() if each.mark in kind.lower()), None)


def urls_of(edition: Edition, base_url: str, today: date) -> Sequence[str]:
    """Where the edition may be, the newest first: one of this month may not be out yet."""
    months = (today, today.replace(day=1) - timedelta(days=1))
    paths = [edition.path.replace("{month}", f"{month:%Y-%m}") for month in months]
    return [f"{base_url.rstrip('/')}/{path}" for path in dict.fromkeys(paths)]


def access_of(geo: GeoSettings) -> Access:
    """The user's own token or key, for the provider that wants one. Raises ConfigError where it is missing."""
    if geo.provider == "ipinfo":
        if geo.ipinfo_token is None:
            raise ConfigError("geo.ipinfo_token: missing; IPinfo gives a token to everybody who has an account")
        return Access(query={"token": geo.ipinfo_token.reveal()})
    if geo.provider == "maxmind":
        if geo.maxmind_account is None or geo.maxmind_license_key is None:
            lacking = "maxmind_license_key" if geo.maxmind_account is not None else "maxmind_account"
            raise ConfigError(f"geo.{lacking}: missing; MaxMind wants the account's number and a licence key of it")
        both = f"{geo.maxmind_account}:{geo.maxmind_license_key.reveal()}"
        return Access(headers={"Authorization": f"Basic {b64encode(both.encode()).decode()}"})
    return Access()
