"""What Prometheus itself makes of the alert rules and of the dashboard's queries."""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.servers.programs import need_program
from tests.unit.test_dashboards import DEPLOY, expressions

RULES = DEPLOY / "prometheus" / "alerts.yml"
MARK = "botnet_engine_queue_high_watermark_batches"
TO_AND_FRO = " ".join(["10000 9000 8000 7000 6000 5000 7500"] * 20)
"""Two samples a minute of a queue that is worked off from its high mark to its low one, and fills up again."""

FIRING: list[tuple[str, Mapping[str, str]]] = [
    ("BotnetEngineDown", {'up{job="botnet-engine"}': "1 0x140"}),
    ("BotnetEngineStalled", {"botnet_engine_ready": "1x70 0x70"}),
    ("BotnetEngineSourceAway", {'botnet_engine_source_up{source="s"}': "0x140"}),
    ("BotnetEngineDeadLettersGrow", {"botnet_engine_new_dead_letters_total": "0+10x140"}),
    ("BotnetEngineQueueNearItsMark", {"botnet_engine_queue_batches": "9000x140", MARK: "10000x140"}),
    ("BotnetEngineQueueNearItsMark", {"botnet_engine_queue_batches": TO_AND_FRO, MARK: "10000x140"}),
    ("BotnetEngineLookupDataOld", {"botnet_engine_lookup_data_age_seconds": "4000000x140"}),
    ("BotnetEngineAuditOutOfBalance", {"botnet_engine_audit_balanced": "1x70 0x70"}),
]
SILENT: list[Mapping[str, str]] = [
    {'up{job="botnet-engine"}': "1x140", "botnet_engine_ready": "1x140", "botnet_engine_audit_balanced": "1x140"},
    {"botnet_engine_ready": "1x138 0"},
    {"botnet_engine_new_dead_letters_total": "90000+1x70 0+1x70"},  # started anew
    {"botnet_engine_queue_batches": "0x80 9000 0x60", MARK: "10000x140"},
    {"botnet_engine_queue_batches": "7900x140", MARK: "10000x140"},
    {"botnet_engine_lookup_data_age_seconds": "3000000x140"},
    {'botnet_engine_source_up{source="s"}': "1x120 0x20"},
]


def promtool(*arguments: str | Path) -> str:
    """Run it; fails with what it says where it finds fault."""
    ended = subprocess.run([need_program("promtool"), *arguments], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def check(folder: Path, series: Mapping[str, str], firing: str | None) -> None:
    """Let an hour of samples, two a minute, pass by the rules: this alert fires, and no other."""
    samples = [{"labels": f'{{alertname="{firing}"}}', "value": 1}] if firing else []
    test = {
        "interval": "30s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (max_over_time(ALERTS{alertstate="firing"}[2h]))',
                "eval_time": "70m",
                "exp_samples": samples,
            }
        ],
    }
    file = folder / "test.yml"  # JSON is YAML
    file.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "30s", "tests": [test]}))
    promtool("test", "rules", file)


@pytest.mark.parametrize(("alert", "series"), FIRING)
def test_an_alert_fires(alert: str, series: Mapping[str, str], tmp_path: Path) -> None:
    """When it goes on for long enough; a queue that is full again and again is near its mark."""
    check(tmp_path, series, alert)


@pytest.mark.parametrize("series", SILENT)
def test_no_alert_fires(series: Mapping[str, str], tmp_path: Path) -> None:
    """While all is well, for a moment's trouble, or because an engine was started anew."""
    check(tmp_path, series, None)


def test_every_query_of_the_dashboard_is_understood(tmp_path: Path) -> None:
    """By Prometheus' own parser; rates are taken over an interval in which there are samples, however far apart."""
    dashboard = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())
    found = [each for each in expressions(dashboard) if re.search("botnet_engine_(?!info)", each)]
    assert len(found) > 20
    assert {span for each in found for span in re.findall(r"\[(.*?)\]", each)} == {"$__rate_interval"}
    plain = [each.replace("$__rate_interval", "5m").replace("$instance", ".*") for each in found]
    rules = [{"record": f"query:{number}", "expr": each} for number, each in enumerate(plain)]
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    assert f"{len(found)} rules found" in promtool("check", "rules", file)
