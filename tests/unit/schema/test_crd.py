"""The generator: a golden schema with each construct, what it refuses, and the files in crds/."""

from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from pydantic import Field, create_model

from ner_operator.api.base import SET, ApiModel, Items, map_by
from ner_operator.api.kind import Kind, KindVersion
from ner_operator.api.rule import Rule
from ner_operator.api.v1alpha1 import NerRuntime
from ner_operator.api.v1alpha1.version import NER_RUNTIME
from ner_operator.schema.crd import definition, main, structural_schema
from ner_operator.schema.kinds import KINDS


class Wheel(ApiModel):
    """A wheel."""

    name: str = Field(max_length=63)
    """Names the wheel."""
    radius: float = Field(default=0.5, gt=0, le=2)
    """In metres."""


class Cart(ApiModel):
    """A cart
    on wheels.
    """

    front: Wheel | None = None
    """The first wheel."""
    wheels: Items[Wheel] = Field(default=(), max_length=4, json_schema_extra=map_by("name"))
    """All wheels."""
    colours: Items[Literal["red", "blue"]] | None = Field(default=None, max_length=2, json_schema_extra=SET)
    """The colours."""
    kind: Literal["cart"]
    """Always cart."""
    loaded: bool = False
    """Whether something is on it."""
    notes: dict[str, str] | None = None
    """Anything."""

    rules: ClassVar = (
        Rule(
            field="front",
            cel="!has(self.front)",
            holds=lambda it: "front" not in it,
            message="no front",
        ),
    )


class Bounded(Cart):
    """With notes that end."""

    notes: dict[str, Literal["x"]] | None = Field(default=None, max_length=3)
    """Anything."""


def test_each_construct_becomes_structural() -> None:
    wheel = {
        "name": {"type": "string", "description": "Names the wheel.", "maxLength": 63},
        "radius": {
            "type": "number",
            "format": "double",
            "description": "In metres. Default: 0.5.",
            "minimum": 0,
            "exclusiveMinimum": True,
            "maximum": 2,
        },
    }
    assert structural_schema(Bounded) == {
        "type": "object",
        "description": "With notes that end.",
        "properties": {
            "front": {
                "type": "object",
                "description": "The first wheel.",
                "properties": wheel,
                "required": ["name"],
            },
            "wheels": {
                "type": "array",
                "description": "All wheels.",
                "maxItems": 4,
                "items": {
                    "type": "object",
                    "description": "A wheel.",
                    "properties": wheel,
                    "required": ["name"],
                },
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
            },
            "colours": {
                "type": "array",
                "description": "The colours.",
                "maxItems": 2,
                "items": {"type": "string", "enum": ["red", "blue"]},
                "x-kubernetes-list-type": "set",
            },
            "kind": {"type": "string", "description": "Always cart.", "enum": ["cart"]},
            "loaded": {"type": "boolean", "description": "Whether something is on it. Default: false."},
            "notes": {
                "type": "object",
                "description": "Anything.",
                "maxProperties": 3,
                "additionalProperties": {"type": "string", "enum": ["x"]},
            },
        },
        "required": ["kind"],
        "x-kubernetes-validations": [
            {"rule": "!has(self.front)", "message": "no front", "fieldPath": ".front"}
        ],
    }


class Endless(ApiModel):
    word: str


class EndlessList(ApiModel):
    words: Items[Literal["a"]]


class Either(ApiModel):
    word: int | bool


class Anything(ApiModel):
    word: dict[str, Any]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Cart, r"^\.notes\.\*: a string needs max_length"),
        (Endless, r"^\.word: a string needs max_length"),
        (EndlessList, r"^\.words: a list needs max_length"),
        (Either, r"^\.word: a structural schema has no anyOf"),
        (Anything, r"^\.word: an object needs a type"),
    ],
)
def test_what_the_server_would_refuse_is_refused_here(model: type[ApiModel], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        structural_schema(model)


def test_the_files_are_what_the_models_say(repository: Path) -> None:
    assert main(["--check", "--root", str(repository)]) == 0


def test_drift_is_found_and_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = ["--root", str(tmp_path)]
    assert main(["--check", *root]) == 1
    assert main(["--write", *root]) == 0
    assert main(["--check", *root]) == 0
    file = tmp_path / "crds" / "nerd.dev_nerdeployments.yaml"
    file.write_text(file.read_text() + "# by hand\n")
    file.with_name("nerd.dev_others.yaml").write_text("")
    assert main(["--check", *root]) == 1
    said = capsys.readouterr().err
    assert f"{file} differs from the models; run: python -m ner_operator.schema.crd --write" in said
    assert "nerd.dev_others.yaml is not generated: remove it" in said


def test_a_status_begins_unobserved() -> None:
    deployment, runtime = (definition(kind)["spec"]["versions"][0] for kind in KINDS)
    status = deployment["schema"]["openAPIV3Schema"]["properties"]["status"]
    assert status["default"] == {"observedGeneration": -1}
    assert deployment["subresources"] == {"status": {}}
    assert "subresources" not in runtime


def test_a_kind_in_two_versions_is_one_crd_that_stores_one_of_them() -> None:
    beta = create_model("NerRuntime", __base__=NerRuntime, api_version=(Literal["nerd.dev/v1beta1"], ...))
    newer = KindVersion("v1beta1", beta, columns=(), storage=False)
    spec = definition(Kind("nerruntimes", "nrt", "Cluster", versions=(NER_RUNTIME, newer)))["spec"]
    versions = {version["name"]: version for version in spec["versions"]}
    assert [(name, each["served"], each["storage"]) for name, each in versions.items()] == [
        ("v1alpha1", True, True),
        ("v1beta1", True, False),
    ]
    assert spec["conversion"] == {"strategy": "None"}
    assert versions["v1alpha1"]["schema"]["openAPIV3Schema"]["x-kubernetes-validations"]
    assert versions["v1beta1"]["additionalPrinterColumns"] == []


def test_a_kind_in_one_version_needs_no_conversion() -> None:
    assert all("conversion" not in definition(kind)["spec"] for kind in KINDS)
