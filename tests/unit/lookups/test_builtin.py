"""The built-in country table."""

import pytest

from adapters.lookups.builtin import BuiltinLookup
from adapters.lookups.countries import country_name
from engine.sighting import Facts


async def test_countries_come_with_code_and_name() -> None:
    """Known addresses of both families have code and name; all else stays unknown."""
    facts = await BuiltinLookup().lookup(["8.8.8.8", "114.114.114.114", "2001:4860:4860::8888"])
    assert facts == {
        "8.8.8.8": Facts("US", "United States"),
        "114.114.114.114": Facts("CN", "China"),
        "2001:4860:4860::8888": Facts("US", "United States"),
    }
    assert facts["114.114.114.114"].is_china is True


@pytest.mark.parametrize(
    ("code", "name"),
    [("TW", "Taiwan"), ("BO", "Bolivia"), ("FR", "France"), ("EU", None), ("XX", None), ("", None)],
)
def test_names_are_the_common_ones(code: str, name: str | None) -> None:
    """The everyday English name; a code that is no country's has none."""
    assert country_name(code) == name
