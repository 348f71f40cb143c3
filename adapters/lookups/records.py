"""A record of an MMDB file becomes facts, whichever of the common schemas it follows. Pure.

Nested: MaxMind's GeoLite2 and GeoIP2 (City, Country, ASN, ISP) and DB-IP Lite, `{"city": {"names": {"en": ...}}}`.
Flat: `{"country_code": ..., "state1": ..., "city": ...}` of ip-location-db, and IPinfo's `country`, `asn`, `as_name`.
A value of the wrong type, out of range, or standing for "unknown" is as good as none.
"""

import math
from collections.abc import Mapping
from typing import Final

from adapters.lookups.countries import CONTINENTS, country_name
from engine.sighting import Facts

CODE_SIZE: Final = 2
ASN_LIMIT: Final = 2**32
LATITUDE_LIMIT: Final = 90.0
LONGITUDE_LIMIT: Final = 180.0

_UNKNOWN: Final = frozenset({"", "-", "ZZ"})
_PLACE_KEYS: Final = frozenset(
    {"country", "country_code", "country_name", "continent", "continent_code", "continent_name"}
    | {"city", "state1", "region", "subdivisions", "location", "latitude", "lat"}
)
_NOTHING: Final[Mapping[str, object]] = {}


def facts_of(record: object) -> Facts:
    """What the record says; None for everything it does not say."""
    if not isinstance(record, dict):
        return Facts()
    isp, asn = _network(record)
    if record.keys().isdisjoint(_PLACE_KEYS):
        return Facts(isp=isp, asn=asn)
    code, country = _country(record)
    latitude, longitude = _coordinates(record)
    # By position: naming nine arguments takes longer than making the tuple.
    return Facts(
        code,
        country,
        _province(record),
        _name(record.get("city")),
        _continent(record),
        isp,
        asn,
        latitude,
        longitude,
    )


def _network(record: Mapping[str, object]) -> tuple[str | None, int | None]:
    holder = _mapping(record["traits"]) if "traits" in record else record
    isp = _text(holder.get("isp")) or _text(holder.get("autonomous_system_organization"))
    number = holder.get("autonomous_system_number")
    return isp or _text(holder.get("as_name")), _asn(holder.get("asn") if number is None else number)


def _coordinates(record: Mapping[str, object]) -> tuple[float | None, float | None]:
    holder = record.get("location")
    if not isinstance(holder, dict):
        holder = record
    latitude = _number(holder.get("latitude", holder.get("lat")), LATITUDE_LIMIT)
    longitude = _number(holder.get("longitude", holder.get("lng")), LONGITUDE_LIMIT)
    return (None, None) if latitude is None or longitude is None else (latitude, longitude)


def _country(record: Mapping[str, object]) -> tuple[str | None, str | None]:
    """Code and name; IPinfo's `country` is a code in one of its files and a name in another."""
    given = record.get("country")
    if isinstance(given, dict):
        code, name = _code(given.get("iso_code")), _name(given)
    else:
        text = _text(given)
        code = _code(record.get("country_code")) or _code(text)
        name = _text(record.get("country_name")) or (text if _code(text) is None else None)
    return code, name or (country_name(code) if code is not None else None)


def _continent(record: Mapping[str, object]) -> str | None:
    given = record.get("continent")
    if isinstance(given, dict):
        return _name(given) or CONTINENTS.get(_text(given.get("code")) or "")
    text = _text(record.get("continent_name")) or _text(given) or _text(record.get("continent_code"))
    return CONTINENTS.get(text, text) if text is not None else None


def _province(record: Mapping[str, object]) -> str | None:
    divisions = record.get("subdivisions")
    if isinstance(divisions, list):
        return _name(divisions[0]) if divisions else None
    return _text(record.get("state1")) or _text(record.get("region"))


def _name(value: object) -> str | None:
    """The English name of a nested entry, or the text of a flat one."""
    if isinstance(value, dict):
        return _text(_mapping(value.get("names")).get("en"))
    return _text(value)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else _NOTHING


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    text = value.strip()
    return None if text in _UNKNOWN else text


def _code(value: object) -> str | None:
    if not isinstance(value, str) or len(value) != CODE_SIZE or value in _UNKNOWN:
        return None
    return value if value.isascii() and value.isalpha() and value.isupper() else None


def _number(value: object, limit: float) -> float | None:
    """A coordinate, as a number or (IPinfo) a text."""
    if type(value) is float:
        number = value
    elif isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    else:
        try:
            number = float(value)
        except (ValueError, OverflowError):
            return None
    return number if math.isfinite(number) and abs(number) <= limit else None


def _asn(value: object) -> int | None:
    """13335, "13335" or "AS13335"."""
    if value is None:
        return None
    if isinstance(value, str):
        digits = value.strip().upper().removeprefix("AS")
        value = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < len(str(ASN_LIMIT)) + 1 else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < ASN_LIMIT else None
