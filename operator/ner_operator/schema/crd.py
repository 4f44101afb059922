"""Generates the CRDs in `crds/` from the models; `--check` fails if they differ.

Pydantic's JSON schema is not Kubernetes' structural schema. References are
inlined, an optional field is not required, const becomes an enum, and a
numeric exclusiveMinimum becomes a minimum with a flag. A construct that the
API server would refuse raises ValueError with its path; so does one with
unbounded CEL cost (a string without maxLength, a list without maxItems).

Descriptions state the defaults, and pydantic applies them: the API server
writes none into a spec. The only exception is the status, which begins as
`observedGeneration: -1`, so that kstatus waits from the first read.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from ner_operator.api.base import ApiModel
from ner_operator.api.kind import Kind, KindVersion
from ner_operator.api.meta import GROUP, ObjectMeta
from ner_operator.api.rule import Rule
from ner_operator.schema.generated import write_or_check
from ner_operator.schema.json_schema import Schema, flat, one_line
from ner_operator.schema.kinds import KINDS
from ner_operator.schema.paths import child_model

FOLDERS = (Path("crds"), Path("charts/nerd-operator/files/crds"))
"""Folders of the files: for people, and for the chart (Helm reads no file outside the chart)."""

_KEPT = (
    "type",
    "format",
    "description",
    "enum",
    "pattern",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "maxProperties",
    "properties",
    "required",
    "items",
    "additionalProperties",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-int-or-string",
)
"""Keywords of a structural schema, in the order in which they are written."""
_FORMATS = {"integer": "int64", "number": "double"}


def definition(kind: Kind) -> Schema:
    """The CustomResourceDefinition of a kind."""
    spec: Schema = {
        "group": GROUP,
        "names": {
            "kind": kind.name,
            "listKind": f"{kind.name}List",
            "plural": kind.plural,
            "singular": kind.name.lower(),
            "shortNames": [kind.short],
            "categories": ["nerd-dev"],
        },
        "scope": kind.scope,
    }
    if len(kind.versions) > 1:
        spec["conversion"] = {"strategy": "None"}
    spec["versions"] = [_version(version) for version in kind.versions]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": spec,
    }


def _version(version: KindVersion) -> Schema:
    schema = structural_schema(version.model)
    properties = schema["properties"]
    for name, value in (("apiVersion", version.api_version), ("kind", version.model.__name__)):
        properties[name] = {"type": "string", "description": value}
    schema["required"] = ["spec"]
    rendered: Schema = {
        "name": version.name,
        "served": version.served,
        "storage": version.storage,
        "additionalPrinterColumns": [
            {"name": it.name, "type": it.type, "jsonPath": it.path, "description": it.description}
            for it in version.columns
        ],
        "schema": {"openAPIV3Schema": schema},
    }
    if "status" in properties:
        rendered["subresources"] = {"status": {}}
        properties["status"]["default"] = {"observedGeneration": -1}
    return rendered


def structural_schema(model: type[ApiModel]) -> Schema:
    """The structural schema of a model, with its rules.

    Raises:
        ValueError: a structural schema cannot express the model, or a string or list is unbounded; the
            message names the path.
    """
    generated = model.model_json_schema(by_alias=True, mode="validation")
    return _Renderer(generated.get("$defs", {})).model(generated, model, "")


class _Renderer:
    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self._definitions = definitions

    def model(self, schema: Schema, model: type[ApiModel], path: str) -> Schema:
        """Render an object with its fields, its rules, and the objects below it."""
        rendered: Schema = {"type": "object"}
        if description := schema.get("description"):
            rendered["description"] = one_line(description)
        rendered["properties"] = {}
        for name, field in schema["properties"].items():
            child = child_model(model, name)
            # The API server defines metadata itself and refuses a CRD that does.
            metadata = {"type": "object"} if child is ObjectMeta else None
            rendered["properties"][name] = metadata or self._field(field, child, f"{path}.{name}")
        if required := schema.get("required"):
            rendered["required"] = list(required)
        if model.rules:
            rendered["x-kubernetes-validations"] = [_validation(rule) for rule in model.rules]
        return rendered

    def _field(self, schema: Schema, model: type[ApiModel] | None, path: str) -> Schema:
        schema = flat(schema, self._definitions, path)
        if model is not None and "properties" in schema:
            return self.model(schema, model, path)
        return self._leaf(schema, model, path)

    def _leaf(self, schema: Schema, model: type[ApiModel] | None, path: str) -> Schema:
        rendered = dict(schema)
        default, constant = rendered.pop("default", None), rendered.pop("const", None)
        unknown = rendered.keys() - set(_KEPT)
        if unknown:
            raise ValueError(f"{path}: no structural schema for {', '.join(sorted(unknown))}")
        if constant is not None:
            rendered["enum"] = [constant]
        for bound in ("minimum", "maximum"):
            exclusive = f"exclusive{bound.capitalize()}"
            if exclusive in schema:
                rendered |= {bound: schema[exclusive], exclusive: True}
        kind = rendered.get("type")
        if kind in _FORMATS:
            rendered["format"] = _FORMATS[kind]
        if kind == "string" and not {"enum", "maxLength"} & set(rendered):
            raise ValueError(f"{path}: a string needs max_length, or CEL's cost has no bound")
        if kind == "array":
            if "maxItems" not in rendered:
                raise ValueError(f"{path}: a list needs max_length, or CEL's cost has no bound")
            rendered["items"] = self._field(schema["items"], model, f"{path}[]")
        if kind == "object":
            values = rendered.pop("additionalProperties", None)
            if isinstance(values, dict):
                rendered["additionalProperties"] = self._field(values, None, f"{path}.*")
            elif "x-kubernetes-preserve-unknown-fields" not in rendered:
                raise ValueError(f"{path}: an object needs a type for its values")
        if description := rendered.get("description"):
            rendered["description"] = one_line(description) + _default_sentence(default, description)
        return {name: rendered[name] for name in _KEPT if name in rendered}


def _validation(rule: Rule) -> Schema:
    validation = {"rule": rule.cel, "message": rule.message}
    # The API server looks up a fieldPath in the schema, which has no fields of metadata.
    if rule.field and not rule.field.startswith("metadata"):
        validation["fieldPath"] = f".{rule.field}"
    return validation


def _default_sentence(default: object, description: str) -> str:
    if default is None or isinstance(default, dict | list) or "Default:" in description:
        return ""
    shown = str(default).lower() if isinstance(default, bool) else default
    return f" Default: {shown}."


class _Dumper(yaml.SafeDumper):
    """Indents lists, and uses no anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def rendered(kind: Kind) -> str:
    """The text of a kind's file."""
    header = "# Generated from operator/ner_operator/api by `make crds`. Change the models, not this file.\n"
    body = yaml.dump(definition(kind), Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)
    return header + body


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: `--check` (exit 1 on a difference) or `--write`."""
    texts = {f"{GROUP}_{kind.plural}.yaml": rendered(kind) for kind in KINDS}
    files = {folder / name: text for folder in FOLDERS for name, text in texts.items()}
    patterns = [f"{folder}/*.yaml" for folder in FOLDERS]
    return write_or_check("ner_operator.schema.crd", files, arguments, patterns)


if __name__ == "__main__":
    sys.exit(main())
