"""Alerts and dashboard ask for metrics that there are, in PromQL that parses."""

import json
import re
from typing import Any

import promql_parser
import pytest
from kubernetes.client import Configuration

from ner_operator.main import manager_of, options_of

OURS = re.compile(r"\bnerd_\w+")


@pytest.fixture(scope="module")
def told() -> set[str]:
    """Names of the series that the operator tells."""
    registry = manager_of(options_of(["--image=jobs"])[0], Configuration()).registry
    suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""]}
    return {metric.name + suffix for metric in registry.collect() for suffix in suffixes[metric.type]}


@pytest.fixture(scope="module")
def alerts(chart: Any, everything: Any) -> list[dict[str, Any]]:
    objects = chart.render(everything)
    (group,) = next(each for each in objects if each["kind"] == "PrometheusRule")["spec"]["groups"]
    return list(group["rules"])


@pytest.fixture(scope="module")
def panels(chart: Any) -> list[dict[str, Any]]:
    objects = chart.render({"metrics": {"dashboard": {"enabled": True}}})
    board = next(each for each in objects if each["kind"] == "ConfigMap")["data"]["nerd-operator.json"]
    return list(json.loads(board)["panels"])


def parsed(expression: str) -> set[str]:
    """Our metrics in an expression.

    Raises:
        ValueError: it is no PromQL.
    """
    promql_parser.parse(expression.replace("$__rate_interval", "5m"))
    return set(OURS.findall(expression))


def test_every_alert_asks_for_what_is_told(alerts: list[dict[str, Any]], told: set[str]) -> None:
    assert len(alerts) == 5
    for alert in alerts:
        names = parsed(alert["expr"])
        assert names, alert["alert"]
        assert names <= told, alert["alert"]
        assert 'job="nerd-nerd-operator-metrics"' in alert["expr"], "another operator's metrics are not ours"


def test_every_alert_says_how_bad_what_and_what_to_do(chart: Any, alerts: list[dict[str, Any]]) -> None:
    readme = (chart.chart / "README.md").read_text()
    for alert in alerts:
        assert alert["labels"]["severity"] in ("critical", "warning")
        assert {"summary", "description", "runbook_url"} <= alert["annotations"].keys()
        assert alert["annotations"]["runbook_url"] == f"https://example.com/a#{alert['alert'].lower()}"
        assert f"| `{alert['alert']}` |" in readme


def test_every_panel_asks_for_what_is_told(panels: list[dict[str, Any]], told: set[str]) -> None:
    for panel in panels:
        for target in panel["targets"]:
            names = parsed(target["expr"])
            assert names, panel["title"]
            assert names <= told, panel["title"]


def test_every_metric_is_on_the_dashboard(panels: list[dict[str, Any]], told: set[str]) -> None:
    shown = {name for panel in panels for target in panel["targets"] for name in OURS.findall(target["expr"])}
    unseen = {
        name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") for name in told - shown
    }
    assert unseen <= {"nerd_last_reconcile_age_seconds", "nerd_reconcile_seconds", "nerd_stage_seconds"}


def test_no_two_panels_share_a_place(panels: list[dict[str, Any]]) -> None:
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23


def test_the_monitor_finds_the_service_and_the_alerts_its_job(chart: Any, everything: Any) -> None:
    objects = {each["kind"]: each for each in chart.render(everything)}
    service, monitor = objects["Service"], objects["ServiceMonitor"]
    wanted = monitor["spec"]["selector"]["matchLabels"]
    assert wanted.items() <= service["metadata"]["labels"].items()
    assert service["metadata"]["name"] == "nerd-nerd-operator-metrics"
    assert [port["name"] for port in service["spec"]["ports"]] == [monitor["spec"]["endpoints"][0]["port"]]
