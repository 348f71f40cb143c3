"""English names of countries by their ISO 3166-1 code, and of continents by theirs."""

from functools import cache
from typing import Final

CONTINENTS: Final = {
    "AF": "Africa",
    "AN": "Antarctica",
    "AS": "Asia",
    "EU": "Europe",
    "NA": "North America",
    "OC": "Oceania",
    "SA": "South America",
}


@cache
def country_name(code: str) -> str | None:
    """The common English name (Taiwan, not "Taiwan, Province of China"); None for a code that is no country's."""
    import pycountry  # noqa: PLC0415 -- takes longer to load than all the rest; the first look-up pays, not the start

    country = pycountry.countries.get(alpha_2=code)
    return None if country is None else getattr(country, "common_name", country.name)
