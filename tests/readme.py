"""What stands in the README behind a marker, for tests that do what it says."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def fenced(marker: str) -> str:
    """The content of the fence that follows `<!-- marker -->`."""
    found = re.search(rf"<!-- {marker} -->\n```[a-z]*\n(.*?)```", README.read_text(), re.DOTALL)
    assert found is not None, f"no fence after <!-- {marker} --> in README.md"
    return found.group(1).strip()
