"""The dashboard and the alert rules name metrics that a running engine really gives."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.status.metrics import exposition
from engine.picture import (
    About,
    AuditView,
    CursorView,
    Health,
    LettersView,
    Limit,
    Picture,
    QueueView,
    SourceView,
    WorkerView,
)

DEPLOY = Path(__file__).parents[2] / "deploy"
NAME = re.compile(r"\bbotnet_engine_[a-z_]+\b")
SECONDS = {"idle": 1.0}
FULL = Picture(
    engine=About(
        "0.1.0",
        "2026-11-25T00:00:00Z",
        1.0,
        "host",
        1,
        "redis",
        "mysql",
        "built-in",
        lookup_age_seconds=1.0,
        memory_bytes=1,
    ),
    health=Health(ready=True),
    limit=Limit("none", "nothing-waits", ""),
    queue=QueueView(1, 10, 5),
    workers=[WorkerView("worker-1", "idle", 0.0, 0, {}, SECONDS)],
    sources=[SourceView("s", "waiting", CursorView(0, 1), 0, 1.0, 0, None, None, 0.0, 0, 0, SECONDS)],
    dead_letters=LettersView(0, in_queue=0),
    audit=AuditView(0, 0, 0, 0, 0, 0, 0, balanced=True, since="", at=""),
    whole_audit=AuditView(0, 0, 0, 0, 0, 0, 0, balanced=True, since="", at=""),
)


def given() -> set[str]:
    """The names of all metrics that have a sample."""
    text = exposition(FULL, {"mirai": 1}).decode()
    return {found.group() for line in text.splitlines() if (found := NAME.match(line))}


def expressions(node: object) -> Iterator[str]:
    """Every query of a dashboard."""
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key in {"expr", "query"} and isinstance(value, str))
        for value in node.values():
            yield from expressions(value)
    elif isinstance(node, list):
        for value in node:
            yield from expressions(value)


def test_every_metric_of_the_dashboard_exists() -> None:
    """And it shows nearly all there are."""
    dashboard = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())
    named = {name for expression in expressions(dashboard) for name in NAME.findall(expression)}
    assert named <= given()
    assert len(named) > 20


@pytest.mark.parametrize(
    "what", ["Stalled", "DeadLettersGrow", "QueueNearItsMark", "LookupDataOld", "AuditOutOfBalance"]
)
def test_there_is_an_alert(what: str) -> None:
    """For each thing that somebody must do something about."""
    assert f"alert: BotnetEngine{what}\n" in (DEPLOY / "prometheus" / "alerts.yml").read_text()


def test_every_metric_of_the_alerts_exists() -> None:
    """A rule on a name that nobody gives never fires."""
    named = set(NAME.findall((DEPLOY / "prometheus" / "alerts.yml").read_text()))
    assert named
    assert named <= given()


def test_every_metric_has_a_name_as_is_usual() -> None:
    """Prefix, and a help text; counters end in `_total`."""
    text = exposition(FULL, {"mirai": 1}).decode()
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    helps = dict(re.findall(r"^# HELP (\S+) (.+)$", text, re.MULTILINE))
    assert kinds.keys() == helps.keys()
    assert all(name.startswith("botnet_engine_") for name in kinds)
    assert {name for name, kind in kinds.items() if kind == "counter"} == {
        name for name in kinds if name.endswith("_total")
    }
