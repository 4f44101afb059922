"""`--set`, as a table."""

from typing import Any

import pytest

from ner_jobs.task import ExitCode, PermanentError
from ner_operator.local.overrides import overridden

SPEC: dict[str, Any] = {
    "metadata": {"name": "a"},
    "spec": {
        "finetune": {"epochs": 3},
        "benchmark": {"instances": 2},
        "variants": [{"name": "reference"}, {"name": "int8", "precision": "int8"}],
    },
}


def at(document: Any, *path: str | int) -> Any:
    for part in path:
        document = document[part]
    return document


@pytest.mark.parametrize(
    ("setting", "path", "value"),
    [
        pytest.param("finetune.epochs=1", ("spec", "finetune", "epochs"), 1, id="a number, below spec"),
        pytest.param("spec.finetune.epochs=1", ("spec", "finetune", "epochs"), 1, id="spec written out"),
        pytest.param("metadata.name=b", ("metadata", "name"), "b", id="metadata"),
        pytest.param(
            "finetune.learningRate=2e-4", ("spec", "finetune", "learningRate"), 2e-4, id="as kubectl"
        ),
        pytest.param(
            "finetune.lengthGrouping=no", ("spec", "finetune", "lengthGrouping"), False, id="a boolean"
        ),
        pytest.param("storage.uri='12'", ("spec", "storage", "uri"), "12", id="a quoted number is text"),
        pytest.param(
            "storage.uri=s3://a/b?c=d", ("spec", "storage", "uri"), "s3://a/b?c=d", id="= in the value"
        ),
        pytest.param("model.labels=[O, B-X]", ("spec", "model", "labels"), ["O", "B-X"], id="a list"),
        pytest.param(
            "variants[0].precision=fp32", ("spec", "variants", 0, "precision"), "fp32", id="by number"
        ),
        pytest.param("variants[int8].runtime=x", ("spec", "variants", 1, "runtime"), "x", id="by name"),
        pytest.param("variants[2].name=new", ("spec", "variants", 2, "name"), "new", id="one more item"),
        pytest.param(
            "evaluation.gates[0].min=0.5", ("spec", "evaluation", "gates", 0, "min"), 0.5, id="anew"
        ),
    ],
)
def test_a_setting(setting: str, path: tuple[str | int, ...], value: object) -> None:
    assert at(overridden(SPEC, [setting]), *path) == value


def test_null_removes() -> None:
    changed = overridden(SPEC, ["benchmark=null", "variants[int8]=null"])
    assert "benchmark" not in changed["spec"]
    assert [variant["name"] for variant in changed["spec"]["variants"]] == ["reference"]


def test_the_document_given_stays_as_it_is() -> None:
    overridden(SPEC, ["finetune.epochs=9"])
    assert SPEC["spec"]["finetune"]["epochs"] == 3


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("finetune.epochs", "PATH=VALUE"),
        ("=1", "PATH=VALUE"),
        ("fine tune=1", "is no field"),
        ("variants[fp16].runtime=x", "there are reference, int8"),
        ("variants[7].runtime=x", "beyond the end"),
        ("variants.runtime=x", "name an item"),
        ("finetune[0]=x", "needs a list"),
        ("finetune.epochs=[1", "no YAML"),
    ],
)
def test_a_setting_that_leads_nowhere_says_what_to_write(setting: str, words: str) -> None:
    with pytest.raises(PermanentError, match=r"^--set") as caught:
        overridden(SPEC, [setting])
    assert words in str(caught.value)
    assert caught.value.code == ExitCode.USAGE
