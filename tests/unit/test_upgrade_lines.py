"""What `upgrade-schema` says of the cost before it asks."""

import pytest

from engine.ports import SchemaStep
from engine.upgrade_lines import COPIED_PER_SECOND, as_text, cost_of, duration

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (SchemaStep("engine_ledger", "CREATE …", is_new=True), "engine_ledger: is made"),
        (
            SchemaStep("t", "ALTER …", rows=1_234_567, size=300 * MIB),
            "t: about 1,234,567 rows, 300 MiB; at once, whatever the size",
        ),
        (
            SchemaStep("t", "ALTER …", rows=10, size=3 * MIB, is_rewriting=True),
            "t: about 10 rows, 3 MiB; is rewritten, writes go on meanwhile: less than a minute",
        ),
        (
            SchemaStep("t", "ALTER …", rows=10, size=300 * COPIED_PER_SECOND, is_rewriting=True, is_blocking=True),
            "t: about 10 rows, 2,861 MiB; is rewritten, writes wait meanwhile: about 5 minutes",
        ),
    ],
)
def test_the_cost_of_a_statement(step: SchemaStep, said: str) -> None:
    """Rows, bytes, how the server goes about it, how long."""
    assert cost_of(step) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "less than a minute"), (90, "about 2 minutes"), (3599, "about 60 minutes"), (9000, "about 2.5 hours")],
)
def test_a_duration(seconds: float, said: str) -> None:
    """In the unit that fits."""
    assert duration(seconds) == said


def test_all_statements_are_shown() -> None:
    """As they will be sent, with a semicolon, so that they may be typed as well; and what engines do meanwhile."""
    text = as_text([SchemaStep("a", "ALTER a"), SchemaStep("b", "ALTER b")])
    assert "ALTER a;" in text
    assert "ALTER b;" in text
    assert text.splitlines()[-1].startswith("Engines may run on")
