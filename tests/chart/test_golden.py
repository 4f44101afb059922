"""What the chart makes of three sets of values, as files: a change of a template shows as a change of these.

`NERD_UPDATE_GOLDEN=1 python -m pytest tests/chart/test_golden.py` writes them anew.
"""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

GOLDEN = Path(__file__).with_name("golden")


@pytest.mark.parametrize("name", ["default", "namespaced", "everything"])
def test_the_objects_are_those_of_the_file(chart: Any, name: str, request: pytest.FixtureRequest) -> None:
    values = {} if name == "default" else request.getfixturevalue(name)
    text = written(chart.render(values))
    file = GOLDEN / f"{name}.yaml"
    if os.environ.get("NERD_UPDATE_GOLDEN") == "1":
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def written(objects: list[dict[str, Any]]) -> str:
    """The objects in a fixed order; what is long and tested elsewhere (CRDs, the dashboard) is cut."""
    objects = [each for each in objects if each["kind"] != "CustomResourceDefinition"]
    for each in objects:
        if each["kind"] == "ConfigMap":
            each["data"] = {name: f"{len(text.splitlines())} lines" for name, text in each["data"].items()}
    objects.sort(
        key=lambda each: (each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"])
    )
    return yaml.safe_dump_all(objects, sort_keys=False, allow_unicode=True, width=110)
