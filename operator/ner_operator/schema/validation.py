"""Reads objects from text, or reports all mistakes at once.

The API server reports in rounds: unknown fields, then types, then rules. A
person at a terminal needs all mistakes together. So the rules are checked even
if fields are wrong, except rules that depend on a wrong field.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from ner_operator.api.base import RULE_ERROR, ApiModel, repetitions
from ner_operator.api.kind import Kind
from ner_operator.api.meta import GROUP, KubernetesObject
from ner_operator.api.v1alpha1.deployment import NerDeployment
from ner_operator.api.v1alpha1.runtime import NerRuntime
from ner_operator.schema.kinds import KINDS
from ner_operator.schema.mistakes import Explainer, Finding, Mistake, found, one_of
from ner_operator.schema.paths import Path, child_model, kubectl_path
from ner_operator.schema.yaml import Document, Json, YamlError, read_documents

Models = Mapping[str, Mapping[str, type[KubernetesObject]]]
"""The model of each kind (`NerDeployment`) and apiVersion (`nerd.dev/v1alpha1`), the stored version first."""

MAXIMUM_BYTES = 3 * 2**20
"""Maximum size of a file; the API server accepts no larger request."""


def served_models(kinds: Iterable[Kind]) -> Models:
    """The models of all versions that the API server serves."""
    return {
        kind.name: {
            version.api_version: version.model
            for version in sorted(kind.versions, key=lambda version: not version.storage)
            if version.served
        }
        for kind in kinds
    }


MODELS = served_models(KINDS)


@dataclass(frozen=True, slots=True)
class ValidDocument:
    """One valid object of a file.

    Attributes:
        file: as the user named it; `-` is standard input.
        line: 1-based, where its document begins.
        written: the object as written; `--set` changes it before it is checked again.
    """

    file: str
    line: int
    object: KubernetesObject
    written: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Checked:
    """The content of a file, checked.

    Attributes:
        documents: the valid documents, in order.
        mistakes: of the invalid documents, by line. If there is one, nothing may run.
        warnings: of what is allowed but probably not intended.
        others: documents of other API groups, which are skipped: `Kind (line)`.
    """

    documents: tuple[ValidDocument, ...]
    mistakes: tuple[Mistake, ...]
    warnings: tuple[Mistake, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def deployments(self) -> tuple[NerDeployment, ...]:
        """The NerDeployments among the valid documents."""
        return tuple(item.object for item in self.documents if isinstance(item.object, NerDeployment))

    @property
    def runtimes(self) -> tuple[NerRuntime, ...]:
        """The NerRuntimes among the valid documents."""
        return tuple(item.object for item in self.documents if isinstance(item.object, NerRuntime))


def load(path: FilePath) -> Checked:
    """Read and check all documents of a file; an unreadable file is a mistake too."""
    file = str(path)
    try:
        if path.stat().st_size > MAXIMUM_BYTES:
            return _refused(file, f"is larger than {MAXIMUM_BYTES >> 20} MiB: is it a spec?")
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return _refused(file, f"is not UTF-8 (byte {error.start}): save it as UTF-8")
    except OSError as error:
        return _refused(file, f"cannot be read: {(error.strerror or str(error)).lower()}")
    return load_text(text, file)


def load_text(text: str, file: str = "-") -> Checked:
    """Check all documents of a text.

    Args:
        text: YAML or JSON, one document or many.
        file: name of the file in the mistakes.
    """
    valid: list[ValidDocument] = []
    mistakes: list[Mistake] = []
    warnings: list[Mistake] = []
    others: list[str] = []
    try:
        for document in read_documents(text):
            if (other := _other_group(document)) is not None:
                others.append(f"{other} (line {document.line})")
                continue
            warnings += empty_fields(document, file)
            if wrong := check(document, file):
                mistakes += wrong
                continue
            written = without_nulls(document.value)
            assert isinstance(written, dict)
            model = MODELS[str(written["kind"])][str(written["apiVersion"])]
            object_ = model.model_validate(written, by_alias=True, by_name=False)
            valid.append(ValidDocument(file, document.line, object_, written))
    except YamlError as error:
        mistakes.append(Mistake(file, error.line, "", f"not valid YAML from here on: {error}"))
    if not valid and not mistakes:
        message = f"has no object of {one_of(_versions(MODELS))}; nerd init writes one to start from"
        mistakes.append(Mistake(file, 1, "", message))
    return Checked(tuple(valid), tuple(mistakes), tuple(warnings), tuple(others))


def check(document: Document, file: str = "-", models: Models = MODELS) -> list[Mistake]:
    """All mistakes of one document, by line; empty if it is valid."""
    mistakes = [Finding(problem.path, problem.message) for problem in document.problems]
    lines = {problem.path: problem.line for problem in document.problems}
    kind, head_mistakes = _model_of(document, models)
    mistakes += head_mistakes
    value = without_nulls(document.value)
    if kind is not None and isinstance(value, dict):
        mistakes += _mistakes_of(kind, document, value)
    located = []
    for item in mistakes:
        line = lines.get(item.path) or document.line_of(item.path)
        located.append(Mistake(file, line, kubectl_path(item.path), item.message))
    return sorted(dict.fromkeys(located), key=lambda mistake: mistake.line)


def without_nulls(value: Json) -> Json:
    """The value without its null fields, which the API server prunes; null list items stay."""
    if isinstance(value, dict):
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def empty_fields(document: Document, file: str = "-") -> list[Mistake]:
    """A warning for each field without a value: it counts as absent, which is probably not intended."""
    kind, _ = _model_of(document, MODELS)
    if kind is None:
        return []
    explainer = Explainer(kind, document)
    return [
        Mistake(file, document.line_of(path), kubectl_path(path), explainer.empty(path))
        for path in _nulls(document.value)
    ]


def _nulls(value: Json, path: Path = ()) -> Iterator[Path]:
    if isinstance(value, dict):
        for name, item in value.items():
            if item is None:
                yield (*path, name)
            elif path or name not in ("metadata", "status"):
                yield from _nulls(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _nulls(item, (*path, index))


def _refused(file: str, message: str) -> Checked:
    return Checked((), (Mistake(file, 1, "", message),))


def _other_group(document: Document) -> str | None:
    """The kind of a document of another API group, or None."""
    if not isinstance(document.value, dict):
        return None
    version, kind = document.value.get("apiVersion"), document.value.get("kind")
    if not isinstance(version, str) or not isinstance(kind, str) or kind in MODELS:
        return None
    return None if version.partition("/")[0] == GROUP else kind


def _model_of(document: Document, models: Models) -> tuple[type[ApiModel] | None, list[Finding]]:
    """The model of a document, and what is wrong with its apiVersion and kind.

    If only the apiVersion is wrong, the stored version's model is returned, so that all other mistakes of
    the document are found too.
    """
    if not isinstance(document.value, dict):
        what = found(document.value)
        return None, [Finding((), f"{what} is not an object: begin with apiVersion: {_versions(models)[0]}")]
    mistakes = []
    name, version = document.value.get("kind"), document.value.get("apiVersion")
    by_version = models.get(name, {}) if isinstance(name, str) else {}
    model = by_version.get(version) if isinstance(version, str) else None
    served = tuple(by_version) or _versions(models)
    if version not in served:
        state = "is missing" if version is None else f"{found(version)} is not served"
        mistakes.append(Finding(("apiVersion",), f"{state}: write {one_of(served)}"))
    if not by_version:
        state = "is missing" if name is None else f"{found(name)} is not known"
        mistakes.append(Finding(("kind",), f"{state}: write {one_of(tuple(models))}"))
    return model or next(iter(by_version.values()), None), mistakes


def _versions(models: Models) -> tuple[str, ...]:
    """Every apiVersion that some kind is served in."""
    return tuple(dict.fromkeys(version for by_version in models.values() for version in by_version))


def _mistakes_of(kind: type[ApiModel], document: Document, value: Mapping[str, Any]) -> Iterator[Finding]:
    explainer = Explainer(kind, document)
    wrong: list[Path] = []
    for error in _errors(kind, value):
        path = tuple(error["loc"])
        if path in (("apiVersion",), ("kind",)) or path in wrong or error["type"] == RULE_ERROR:
            continue
        # Pydantic counts only valid entries; the API server counts all.
        if error["type"] == "too_short" and error["input"]:
            continue
        wrong.append(path)
        yield explainer.explain(error)
    yield from _broken_rules(kind, value, (), wrong)


def _errors(kind: type[ApiModel], value: Mapping[str, Any]) -> list[Any]:
    try:
        kind.model_validate(value, by_alias=True, by_name=False)
    except ValidationError as error:
        return list(error.errors(include_url=False))
    return []


def _broken_rules(model: type[ApiModel], value: object, path: Path, wrong: list[Path]) -> Iterator[Finding]:
    """The broken rules of an object and of the objects below it, without rules that read a wrong field."""
    if not isinstance(value, Mapping):
        return
    for rule in model.rules:
        depends_on = [(*path, *steps) for steps in rule.paths] or [path]
        if any(_related(mine, other) for mine in depends_on for other in wrong):
            continue
        if not _holds(rule.holds, value, clean=not any(_related(path, other) for other in wrong)):
            yield Finding((*path, *rule.paths[0]) if rule.field else path, rule.message)
    for name, key in model.unique_lists().items():
        items = value.get(name)
        if isinstance(items, list):
            for repetition in repetitions(name, key, items):
                yield Finding((*path, name, repetition.index), repetition.message)
    for name, item in value.items():
        child = child_model(model, name)
        if child is None:
            continue
        if isinstance(item, list):
            for index, entry in enumerate(item):
                yield from _broken_rules(child, entry, (*path, name, index), wrong)
        else:
            yield from _broken_rules(child, item, (*path, name), wrong)


def _related(mine: Path, other: Path) -> bool:
    """Whether one of two paths is equal to or below the other."""
    length = min(len(mine), len(other))
    return mine[:length] == other[:length]


def _holds(check: Any, value: Mapping[str, Any], clean: bool) -> bool:
    try:
        return bool(check(value))
    except (KeyError, TypeError, AttributeError, ValueError):
        # A field that the rule reads is wrong, and is reported itself.
        if clean:
            raise
        return True
