"""`python -m benchmarks.page FILE`: from the JSON of the benchmarks, charts and a page in Markdown beside it.

SCALING.md, one folder up, gets its table.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.charts import draw_all
from benchmarks.scaling import filled
from benchmarks.table import table

HEAD = """# Results

Written by `nox -s bench`; the method is in [the README](../README.md). Every figure is of runs that were exact to the
row and the counter, but in `peers`, whose table says who was not.
Rates are the median of the rounds, lowest and highest in brackets.
"""


def main() -> None:
    """Draw and write."""
    file = Path(sys.argv[1])
    results = json.loads(file.read_text())
    charts = draw_all(results, file.parent)
    (file.parent / "README.md").write_text("\n".join(page(results, charts)) + "\n")
    scaling = file.parent.parent / "SCALING.md"
    if "scale" in results and scaling.exists():
        scaling.write_text(filled(scaling.read_text(), results["scale"]))


def page(results: Mapping[str, Mapping[str, Any]], charts: Sequence[str]) -> Iterator[str]:
    """The lines of the page."""
    yield HEAD
    yield from summary(results)
    for name, result in results.items():
        options, date = result["options"], result["date"]
        yield f"\n## {name}\n\n{result['title']} ({options['runs']} rounds, seed {options['seed']}, {date}).\n"
        if name in charts:
            yield f"![{name}]({name}.svg)\n"
        yield from table(result["columns"], result["rows"])
        yield ""
        yield from (f"- {note}" for note in result["notes"])
        yield from (f"- {met(target)}" for target in result["targets"])
    yield from circumstances(results)


def summary(results: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Every target on one line each."""
    rows = [
        [name, target["text"], f"{target['value']:.3g}", aim(target), "yes" if target["is_met"] else "**no**"]
        for name, result in results.items()
        for target in result["targets"]
    ]
    yield from table(("scenario", "target", "measured", "aimed at", "met"), rows)


def circumstances(results: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Machine and versions, once for each different set of them."""
    yield "\n## Machine and versions\n"
    seen: dict[str, list[str]] = {}
    for name, result in results.items():
        facts = [*result["machine"].items(), *result["versions"].items()]
        seen.setdefault(", ".join(f"{key.replace('_', ' ')} {value}" for key, value in facts), []).append(name)
    for text, names in seen.items():
        yield f"- {', '.join(names)}: {text}"


def aim(target: Mapping[str, Any]) -> str:
    """What a target asks for."""
    return f"{'at least' if target['is_least'] else 'at most'} {target['limit']:g}"


def met(target: Mapping[str, Any]) -> str:
    """One target in words."""
    return f"{target['text']}: {target['value']:.3g}, {aim(target)}: {'met' if target['is_met'] else '**not met**'}"


if __name__ == "__main__":
    main()
