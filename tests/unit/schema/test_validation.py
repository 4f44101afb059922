"""Every mistake of a file at once: where, what was found, what to write."""

from pathlib import Path
from typing import Literal

import pytest
from pydantic import create_model

from ner_operator.api.kind import Kind, KindVersion
from ner_operator.api.v1alpha1 import NerDeployment
from ner_operator.api.v1alpha1.version import NER_DEPLOYMENT
from ner_operator.schema.validation import check, load, load_text, served_models
from ner_operator.schema.yaml import read_documents

GOOD = """\
apiVersion: nerd.dev/v1alpha1
kind: NerDeployment
metadata: {name: small}
spec:
  model: {base: m}
  data: {train: {uri: a}, test: {uri: b}}
  finetune: {epochs: 1}
  variants:
  - {name: reference, runtime: cpu-openvino, precision: fp32, reference: true}
  storage: {uri: runs}
"""


def told(text: str) -> list[str]:
    """Line, path and message of each mistake."""
    return [f"{it.line} {it.path}: {it.message}" for it in load_text(text).mistakes]


def test_a_good_spec_becomes_an_object() -> None:
    checked = load_text(GOOD, "small.yaml")
    assert (checked.mistakes, checked.warnings, checked.others) == ((), (), ())
    [deployment] = checked.deployments
    assert isinstance(deployment, NerDeployment)
    assert deployment.spec.finetune is not None
    assert deployment.spec.finetune.epochs == 1
    assert deployment.spec.finetune.batch_size == 16
    assert checked.documents[0].written["spec"]["finetune"] == {"epochs": 1}


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        pytest.param(
            "{base: m}", "{base: m, labels: [O, NO]}",
            '5 spec.model.labels[1]: YAML reads NO as a boolean: quote it, "NO"', id="an unquoted NO",
        ),
        pytest.param(
            "{base: m}", "{base: 1.0}", '5 spec.model.base: YAML reads 1.0 as a number: quote it, "1.0"',
            id="a version as a name",
        ),
        pytest.param(
            "reference: true", 'reference: "yes"',
            '9 spec.variants[0].reference: "yes" is not a boolean: write true or false, unquoted',
            id="quotes",
        ),
        pytest.param(
            "epochs: 1", "epoch: 1", "7 spec.finetune.epoch: there is no such field: did you mean epochs?",
            id="a typo",
        ),
        pytest.param(
            "epochs: 1", "batch_size: 1",
            "7 spec.finetune.batch_size: there is no such field: did you mean batchSize?", id="snake case",
        ),
        pytest.param(
            "epochs: 1", "num_train_epochs: 1",
            "7 spec.finetune.num_train_epochs: there is no such field: did you mean epochs?",
            id="Hugging Face's own name",
        ),
        pytest.param(
            "storage:", "epochs: 1\n  storage:",
            "10 spec.epochs: there is no such field here: did you mean spec.finetune.epochs?",
            id="the wrong place",
        ),
        pytest.param(
            "epochs: 1", 'epochs: "1"', '7 spec.finetune.epochs: "1" is text: remove the quotes',
            id="a quoted number",
        ),
        pytest.param(
            "epochs: 1", "epochs: 1.5",
            "7 spec.finetune.epochs: 1.5 is not a whole number: write a whole number, such as 3",
            id="half an epoch",
        ),
        pytest.param(
            "epochs: 1", "learningRate: 0",
            "7 spec.finetune.learningRate: 0 is out of bounds: write a number above 0", id="a bound",
        ),
        pytest.param(
            "epochs: 1", "loss: tokens",
            '7 spec.finetune.loss: "tokens" is not known: did you mean token? (of sequence, token)',
            id="a choice misspelt",
        ),
        pytest.param(
            "fp32", "int4",
            '9 spec.variants[0].precision: "int4" is not known: did you mean int8? '
            "(of fp32, bf16, fp16, int8)",
            id="a precision that is not there",
        ),
        pytest.param(
            "{name: small}", "{name: Small}",
            '3 metadata.name: "Small" is refused: write lower-case letters, digits, dashes and dots, such as '
            "peoples-daily",
            id="a capital letter",
        ),
        pytest.param(
            "{train: {uri: a}, test: {uri: b}}", "{train: {uri: a}}",
            "6 spec.data.test: is missing: data that every variant is evaluated on; never used for training "
            "or selection",
            id="no test data",
        ),
        pytest.param(
            "{epochs: 1}",
            "[1]",
            "7 spec.finetune: a list is not a mapping: the fields here are epochs, batchSize, "
            "learningRate, headLearningRate, weightDecay, warmupRatio, maxGradientNorm, loss, "
            "weightAveraging, earlyStoppingPatience, maxSteps, precision, lengthGrouping, seed",
            id="a list for a mapping",
        ),
        pytest.param(
            "{uri: runs}", "{uri: runs, uri: x}",
            "10 spec.storage.uri: is in line 10 already: remove one of them", id="a key twice",
        ),
        pytest.param(
            "v1alpha1", "v1", '1 apiVersion: "nerd.dev/v1" is not served: write nerd.dev/v1alpha1',
            id="another version",
        ),
        pytest.param(
            "kind: NerDeployment", "kind: NerdDeployment",
            '2 kind: "NerdDeployment" is not known: write NerDeployment or NerRuntime', id="a kind misspelt",
        ),
        pytest.param(
            "reference: true}", "reference: true}\n  - {name: reference, runtime: r, precision: fp16}",
            "10 spec.variants[1]: name 'reference' repeats variants[0]: write each item once",
            id="a name twice",
        ),
    ],
)  # fmt: skip
def test_a_mistake_says_what_to_write(old: str, new: str, mistake: str) -> None:
    assert old in GOOD
    assert told(GOOD.replace(old, new)) == [mistake]


def test_the_apiversion_chooses_among_the_served_versions() -> None:
    deployment = create_model(
        "NerDeployment",
        __base__=NerDeployment,
        api_version=(Literal["nerd.dev/v1beta1"], ...),
        extra=(int, ...),
    )
    beta = KindVersion("v1beta1", deployment, columns=(), storage=False)
    models = served_models([Kind("nerdeployments", "nerd", "Namespaced", (beta, NER_DEPLOYMENT))])

    def mistakes(version: str) -> list[str]:
        [document] = read_documents(GOOD.replace("v1alpha1", version))
        return [f"{it.path}: {it.message}" for it in check(document, models=models)]

    assert mistakes("v1alpha1") == []
    assert mistakes("v1beta1") == ["extra: is missing"]
    assert mistakes("v1") == [
        'apiVersion: "nerd.dev/v1" is not served: write nerd.dev/v1alpha1 or nerd.dev/v1beta1'
    ]


def test_all_mistakes_are_told_at_once() -> None:
    text = """\
apiVersion: nerd.dev/v1alpha1
kind: NerDeployment
metadata: {name: small}
spec:
  model: {base: gs://bucket/m, labels: [O, NO]}
  data: {train: {uri: a, format: npz}, tset: {uri: b}}
  finetune: {epochs: "3", batchSize: 0}
  variants:
  - {name: a, runtime: cpu-openvino, precision: fp16}
  - {name: a, runtime: cpu-openvino, precision: bf16, quantization: {}}
  evaluation: {gates: [{}, {maxDrop: 1}]}
  rollout: {preference: [nobody]}
  benchmark: {processes: 3}
"""
    assert [mistake.rpartition(": ")[0].split(": ")[0] for mistake in told(text)] == [
        "4 spec.storage",
        "5 spec.model.labels[1]",
        "5 spec.model.base",
        "6 spec.data.test",
        "6 spec.data.tset",
        "6 spec.data.train",
        "7 spec.finetune.epochs",
        "7 spec.finetune.batchSize",
        "8 spec.variants",
        "9 spec.variants[0].precision",
        "10 spec.variants[1]",
        "10 spec.variants[1].quantization",
        "11 spec.evaluation.gates[0]",
        "11 spec.evaluation.gates[1].against",
        "12 spec.rollout.preference",
        "13 spec.benchmark.processes",
    ]


def test_a_rule_waits_for_the_fields_that_it_rests_on() -> None:
    wrong = GOOD.replace("cpu-openvino, precision: fp32", "cpu-openvino, precision: fp5")
    assert len(told(wrong.replace("storage:", "rollout: {preference: [reference]}\n  storage:"))) == 1


def test_a_field_without_a_value_is_absent_with_a_warning() -> None:
    checked = load_text(GOOD.replace("finetune: {epochs: 1}", "finetune:"))
    assert [str(warning) for warning in checked.warnings] == [
        "-:7: spec.finetune: has no value and counts as absent: write {} for all defaults, or remove it"
    ]
    assert checked.deployments[0].spec.finetune is None


def test_documents_of_others_are_passed_over() -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\n---\n"
    checked = load_text(secret + GOOD)
    assert checked.mistakes == ()
    assert checked.others == ("Secret (line 1)",)
    assert len(checked.documents) == 1


def test_several_documents_are_each_told() -> None:
    wrong = GOOD.replace("epochs: 1", "epochs: 0")
    assert [mistake.split(":")[0] for mistake in told(f"{wrong}---\n{GOOD}---\n{wrong}---\n- 1\n")] == [
        "7 spec.finetune.epochs",
        "29 spec.finetune.epochs",
        "34 ",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "has no object of nerd.dev/v1alpha1; nerd init writes one", id="empty"),
        pytest.param(b"# only words\n", "has no object of nerd.dev/v1alpha1", id="a comment"),
        pytest.param(b"\xff\xfe\x00", "is not UTF-8 (byte 0): save it as UTF-8", id="bytes"),
        pytest.param(b"a: [\n", "not valid YAML from here on", id="no YAML"),
        pytest.param(b"just words\n", '"just words" is not an object', id="prose"),
        pytest.param(b"x" * (3 * 2**20 + 1), "is larger than 3 MiB", id="a corpus by mistake"),
    ],
)
def test_a_file_that_is_no_spec(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "spec.yaml"
    file.write_bytes(content)
    [mistake] = load(file).mistakes
    assert message in mistake.message
    assert str(mistake).startswith(f"{file}:")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    [mistake] = load(tmp_path / "nothing.yaml").mistakes
    assert mistake.message == "cannot be read: no such file or directory"


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(GOOD, encoding="utf-8-sig")
    assert load(file).mistakes == ()
