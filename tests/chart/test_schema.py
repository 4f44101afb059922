"""Values that the chart refuses, each with a message that names the value; and that none is forgotten."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

STORE = {"name": "a", "storage": {"uri": "s3://ner/a"}}


def stores(*given: Any) -> Any:
    return {"garbageCollection": {"stores": list(given)}}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        pytest.param({"replicas": 2}, "replicas", id="there is one replica"),
        pytest.param({"image": {"name": "x"}}, "name", id="a field that is called otherwise"),
        pytest.param({"image": {"pullPolicy": "always"}}, "pullPolicy", id="a policy in another case"),
        pytest.param({"image": {"digest": "sha256:12"}}, "digest", id="half a digest"),
        pytest.param({"imagePullSecrets": ["registry"]}, "imagePullSecrets/0", id="a name without its field"),
        pytest.param({"crds": {"keep": "false"}}, "crds/keep", id="a word for a boolean"),
        pytest.param({"watch": {"namespaces": "nlp"}}, "watch/namespaces", id="a word for a list"),
        pytest.param({"watch": {"namespaces": ["nlp", "nlp"]}}, "watch/namespaces", id="a namespace twice"),
        pytest.param({"watch": {"namespaces": ["Nlp"]}}, "watch/namespaces/0", id="no name of a namespace"),
        pytest.param({"metrics": {"port": 80}}, "metrics/port", id="a port that only root may take"),
        pytest.param({"metrics": {"port": "8080"}}, "metrics/port", id="a word for a number"),
        pytest.param({"resources": {"memory": "1Gi"}}, "resources", id="resources without limits"),
        pytest.param({"podLabels": {"a": 1}}, "podLabels/a", id="a label that is a number"),
        pytest.param({"tolerations": [{"effect": "No"}]}, "tolerations/0/effect", id="no effect of a taint"),
        pytest.param(stores({"name": "a"}), "storage", id="a store without its storage"),
        pytest.param(stores({**STORE, "name": "a-name-of-21-letters-"}), "name", id="a long name"),
        pytest.param(stores({**STORE, "storage": {"uri": "/folder"}}), "uri", id="a folder"),
        pytest.param(stores({**STORE, "secretKey": "x"}), "secretKey", id="a credential in the values"),
        pytest.param(stores(STORE, STORE), "two stores have the same name", id="a store twice"),
        pytest.param({"garbageCollection": {"gracePeriod": "2w"}}, "gracePeriod", id="weeks"),
        pytest.param({"garbageCollection": {"gracePeriod": "0h"}}, "gracePeriod", id="no grace"),
        pytest.param({"deviceEmulator": {"resourceName": "va"}}, "resourceName", id="no extended resource"),
        pytest.param({"deviceEmulator": {"count": 0}}, "count", id="no device"),
        pytest.param({"networkPolicy": {"apiServer": {"cidrs": []}}}, "cidrs", id="no API server"),
        pytest.param({"serviceAccount": {"create": False}}, "serviceAccount.name", id="no account at all"),
    ],
)
def test_refused(chart: Any, values: Any, said: str) -> None:
    done = chart.attempt("template", "nerd", str(chart.chart), chart.values_file(values))
    assert done.returncode != 0, "these values are taken"
    assert said in done.stderr


def test_every_value_is_in_the_schema_and_the_other_way_round(chart: Any) -> None:
    schema = json.loads((chart.chart / "values.schema.json").read_text())
    values = yaml.safe_load((chart.chart / "values.yaml").read_text())
    assert set(known(schema, schema["definitions"])) - {"global"} == set(paths(values))


def known(schema: Any, definitions: Any, path: str = "") -> Iterator[str]:
    """Paths of values that the schema names, down to those whose fields are a user's own."""
    if reference := schema.get("$ref"):
        schema = definitions[reference.removeprefix("#/definitions/")]
    named = schema.get("properties")
    if not named or path.endswith("resources"):
        yield path
        return
    for name, below in named.items():
        yield from known(below, definitions, f"{path}.{name}" if path else name)


def paths(values: Any, path: str = "") -> Iterator[str]:
    for name, value in values.items():
        here = f"{path}.{name}" if path else name
        if isinstance(value, dict) and value and name not in ("resources", "labels"):
            yield from paths(value, here)
        else:
            yield here
