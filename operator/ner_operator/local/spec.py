"""Reads a spec's file, and applies the options of the command line."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ner_jobs.task import ExitCode, PermanentError
from ner_operator.api.v1alpha1 import NerDeployment, NerRuntime, NerRuntimeSpec
from ner_operator.local.overrides import overridden
from ner_operator.local.paths import absolute
from ner_operator.schema.validation import check
from ner_operator.schema.yaml import Document, YamlError, read_documents

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Spec:
    """A valid NerDeployment, the NerRuntimes of its file, and the folder that paths are relative to."""

    deployment: NerDeployment
    runtimes: Mapping[str, NerRuntimeSpec]
    folder: Path


def load_spec(
    file: str, settings: Sequence[str] = (), storage: str | None = None, name: str | None = None
) -> Spec:
    """Read a file with NerDeployments and NerRuntimes; one NerDeployment is chosen.

    Args:
        file: a path, or `-` for standard input.
        settings: `path=value` each, applied to the NerDeployment before it is checked.
        storage: a URI, or a path relative to the working directory; it replaces the spec's.
        name: of the NerDeployment, if the file has several.

    Raises:
        PermanentError: there is no such file or deployment, or the spec has mistakes: a line each.
    """
    documents = _documents(file)
    mistakes: list[str] = []
    runtimes: dict[str, NerRuntimeSpec] = {}
    deployments: dict[str, Document] = {}
    for document in documents:
        value = document.value
        if not isinstance(value, dict) or value.get("kind") == "NerRuntime":
            found = [str(mistake) for mistake in check(document, file)]
            mistakes += found
            if not found:
                runtime = NerRuntime.model_validate(value)
                runtimes[runtime.metadata.name] = runtime.spec
        elif value.get("kind") == "NerDeployment":
            metadata = value.get("metadata")
            deployments[str(metadata.get("name")) if isinstance(metadata, dict) else ""] = document
    chosen = _choose(deployments, file, name)
    if chosen is not None:
        value = overridden(_json_object(chosen), list(settings))
        if storage is not None:
            value = _with_storage(value, storage)
        chosen = replace(chosen, value=value)
        mistakes += [str(mistake) for mistake in check(chosen, file)]
    if mistakes:
        raise PermanentError("\n".join(["the spec cannot be used:", *mistakes]))
    if chosen is None:
        raise PermanentError(f"{file} holds no NerDeployment; nerd init writes one to start from")
    folder = Path.cwd() if file == STDIN else Path(file).absolute().parent
    return Spec(NerDeployment.model_validate(chosen.value), runtimes, folder)


def _documents(file: str) -> list[Document]:
    try:
        text = sys.stdin.read() if file == STDIN else Path(file).read_bytes().decode("utf-8-sig")
        return list(read_documents(text))
    except FileNotFoundError:
        raise PermanentError(
            f"there is no spec {file}; name one with -f, or write one with nerd init", ExitCode.NO_INPUT
        ) from None
    except UnicodeDecodeError as error:
        raise PermanentError(f"{file} is not UTF-8 (byte {error.start}): save it as UTF-8") from None
    except OSError as error:
        raise PermanentError(
            f"{file} cannot be read: {(error.strerror or str(error)).lower()}", ExitCode.NO_INPUT
        ) from None
    except YamlError as error:
        raise PermanentError(f"{file}:{error.line}: no YAML from here on: {error}") from None


def _choose(deployments: Mapping[str, Document], file: str, name: str | None) -> Document | None:
    if name is None and len(deployments) > 1:
        raise PermanentError(
            f"{file} holds several NerDeployments; choose one with --name: {', '.join(deployments)}",
            ExitCode.USAGE,
        )
    if name is not None and name not in deployments:
        raise PermanentError(
            f"{file} holds no NerDeployment {name}; it holds {', '.join(deployments) or 'none'}",
            ExitCode.USAGE,
        )
    return deployments[name] if name is not None else next(iter(deployments.values()), None)


def _json_object(document: Document) -> dict[str, Any]:
    return document.value if isinstance(document.value, dict) else {}


def _with_storage(value: dict[str, Any], storage: str) -> dict[str, Any]:
    """A copy with another storage URI; a folder drops the S3 server's settings."""
    spec = value.get("spec")
    if not isinstance(spec, dict):
        return value
    if storage.startswith("s3://"):
        former = spec.get("storage")
        return {
            **value,
            "spec": {**spec, "storage": {**(former if isinstance(former, dict) else {}), "uri": storage}},
        }
    return {**value, "spec": {**spec, "storage": {"uri": absolute(storage, Path.cwd())}}}
