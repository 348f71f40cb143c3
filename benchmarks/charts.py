"""Charts of the results, as SVG and PNG: throughput per worker count, latency, memory over time."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from benchmarks.report import percentile

ENGINE, FLOOR, IDEAL, TEXT, GRID = "#0b6e99", "#d1495b", "#9aa5b1", "#243b53", "#e4e7eb"
STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": GRID,
    "axes.grid": True,
    "axes.labelcolor": TEXT,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": TEXT,
    "axes.titlelocation": "left",
    "axes.titlepad": 14,
    "axes.titlesize": 13,
    "axes.titleweight": "bold",
    "figure.dpi": 110,
    "font.size": 11,
    "grid.color": GRID,
    "legend.frameon": False,
    "savefig.dpi": 160,
    "svg.hashsalt": "botnet-engine",
    "xtick.color": TEXT,
    "ytick.color": TEXT,
}
COMPARISONS = {
    "throughput": "Throughput: collector to Redis to MariaDB, built-in look-up",
    "mmdb": "Throughput: collector to Redis to MariaDB, MMDB look-up",
    "embedded": "Throughput: SQLite queue and database",
}


def draw_all(results: Mapping[str, Mapping[str, Any]], folder: Path) -> list[str]:
    """Draw what there is data for; return the names of the scenarios that have a chart now."""
    drawn = []
    with mpl.rc_context(STYLE):
        for name, result in results.items():
            figure = Figure(figsize=(8, 4.6), layout="constrained")
            if not _draw(name, result["data"], figure.subplots()):
                continue
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
            figure.savefig(folder / f"{name}.png")
            drawn.append(name)
    return drawn


def _draw(name: str, data: Mapping[str, Any], axes: Axes) -> bool:
    if name in COMPARISONS:
        comparison(axes, data, COMPARISONS[name])
    elif name == "latency":
        latency(axes, data["milliseconds"])
    elif name == "memory":
        memory(axes, data)
    else:
        return False
    return True


def comparison(axes: Axes, data: Mapping[str, Any], title: str) -> None:
    """Engine and floor per worker count, with the spread of the runs, and what perfect scaling would be."""
    counts = data["workers"]
    places = range(len(counts))
    for key, label, colour in (("floor", "floor: writes alone", FLOOR), ("engine", "engine: whole job", ENGINE)):
        middle = [each["median"] for each in data[key]]
        axes.plot(places, middle, "o-", color=colour, label=label, linewidth=2.2, markersize=6)
        low, high = ([each[end] for each in data[key]] for end in ("lowest", "highest"))
        axes.fill_between(places, low, high, color=colour, alpha=0.15, linewidth=0)
    ceiling = 1.15 * max(each["highest"] for key in ("floor", "engine") for each in data[key])
    ideal = [data["engine"][0]["median"] * count / counts[0] for count in counts]
    axes.plot(places, ideal, "--", color=IDEAL, label="ideal: one worker, multiplied", linewidth=1.6, zorder=1)
    for place, each, ratio in zip(places, data["engine"], data["ratio"], strict=True):
        _beside(axes, place, each["median"], f"{ratio['median']:.2f} of the floor")
    axes.set_xticks(places, [str(count) for count in counts])
    axes.set_xlim(-0.3, len(counts) - 0.7)
    axes.set_ylim(0, ceiling)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set(title=title, xlabel="workers, or connections of the floor", ylabel="records per second")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncol=3)


def _beside(axes: Axes, place: float, value: float, text: str) -> None:
    axes.annotate(
        text, (place, value), xytext=(0, -18), textcoords="offset points", ha="center", color=ENGINE, fontsize=9
    )


def latency(axes: Axes, milliseconds: Sequence[float]) -> None:
    """Every sighting's time, in the order in which they came, and what half and 99 % of them keep."""
    axes.plot(range(1, len(milliseconds) + 1), milliseconds, "o", color=ENGINE, alpha=0.55, markersize=4)
    for share, label in ((0.5, "median"), (0.99, "99 %")):
        value = percentile(milliseconds, share)
        axes.axhline(value, color=FLOOR, linestyle="--", linewidth=1.4)
        axes.annotate(
            f"{label}: {value:.1f} ms", (1, value), xycoords=("axes fraction", "data"), xytext=(-4, 4),
            textcoords="offset points", ha="right", color=FLOOR, fontsize=10,
        )  # fmt: skip
    axes.set_ylim(bottom=0)
    axes.set(
        title="Latency of one sighting, from the collector's answer to its row",
        xlabel="sightings, one after the other",
        ylabel="milliseconds",
    )


def memory(axes: Axes, data: Mapping[str, Any]) -> None:
    """Resident memory over time; the line is where building up ends."""
    seconds, sizes = zip(*data["memory"], strict=True)
    axes.fill_between(seconds, sizes, color=ENGINE, alpha=0.12, linewidth=0)
    axes.plot(seconds, sizes, color=ENGINE, linewidth=1.8)
    axes.axvline(data["turn"], color=FLOOR, linestyle="--", linewidth=1.4)
    for text, side in (("built up ", "right"), (" worked off", "left")):
        axes.annotate(text, (data["turn"], 0.05), xycoords=("data", "axes fraction"), ha=side, color=FLOOR, fontsize=10)
    axes.set_ylim(0, 1.25 * max(sizes))
    axes.set_xlim(0, seconds[-1])
    title = f"Memory while a backlog of {data['records']:,} sightings is built up and worked off"
    axes.set(title=title, xlabel="seconds", ylabel="resident MiB")
