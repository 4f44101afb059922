"""The arguments that the chart gives are those that the operator takes, and say what the values say."""

from typing import Any

import pytest

from ner_operator.main import Options, options_of


def options(chart: Any, values: Any) -> tuple[Options, str]:
    objects = chart.render(values)
    deployment = next(each for each in objects if each["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return options_of(container["args"])


def test_by_default(chart: Any) -> None:
    told, level = options(chart, {})
    assert told.default_image.image == "nerd-jobs:0.1.0"
    assert told.default_image.pull_policy == "IfNotPresent"
    assert (told.manager.namespaces, told.service_accounts, told.default_image.pull_secrets) == ((), (), ())
    assert (told.cpu_class, told.metrics_port, level, told.once) == ("x86_64", 8080, "info", False)


def test_with_everything(chart: Any, everything: Any, namespaced: Any) -> None:
    told, level = options(chart, {**everything, **namespaced})
    assert told.default_image.image == "nerd-jobs:1.2.3"
    assert told.default_image.pull_policy == "Always"
    assert told.default_image.pull_secrets == ("registry", "mirror")
    assert told.manager.namespaces == ("nlp", "search")
    assert told.service_accounts == ("trainer", "trainer-gpu")
    assert (told.metrics_port, level) == (9090, "debug")


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_every_level_of_the_schema_is_one_of_the_operators(chart: Any, level: str) -> None:
    assert options(chart, {"logLevel": level})[1] == level
