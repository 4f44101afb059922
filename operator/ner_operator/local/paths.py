"""A spec on this machine: absolute URIs, digests of local files, no images.

A relative path is relative to the spec's file, so that a folder with spec and
data can be moved and cloned as a whole.
"""

from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from ner_jobs.task.parameters import Dataset, PrepareParameters
from ner_operator.local.digests import FileDigests
from ner_operator.planning.resolved import ResolvedDeployment


def with_absolute_paths(
    resolved: ResolvedDeployment, folder: Path, digests: FileDigests
) -> ResolvedDeployment:
    """The same deployment with absolute URIs, and with the digests of files on this machine.

    Args:
        resolved: with URIs as the spec has them.
        folder: of the spec's file, absolute.
        digests: of files.
    """
    benchmark = resolved.benchmark
    if benchmark and benchmark.dataset:
        dataset = _dataset(benchmark.dataset, folder, digests)
        benchmark = benchmark.model_copy(update={"dataset": dataset})
    return replace(
        resolved,
        storage=resolved.storage.model_copy(
            update={
                "uri": absolute(resolved.storage.uri, folder),
                "ca_bundle": _absolute_path(resolved.storage.ca_bundle, folder),
            }
        ),
        runtime=replace(resolved.runtime, image=""),
        variants=tuple(
            replace(variant, runtime=replace(variant.runtime, image="")) for variant in resolved.variants
        ),
        prepare=_prepare(resolved.prepare, folder, digests),
        benchmark=benchmark,
        inference=tuple(
            replace(entry, parameters=entry.parameters.model_copy(update={"dataset": dataset}))
            for entry in resolved.inference
            if entry.parameters.dataset
            for dataset in [_dataset(entry.parameters.dataset, folder, digests)]
        ),
    )


def absolute(uri: str, folder: Path) -> str:
    """A path or `file://` URI as an absolute `file://` URI; any other URI unchanged."""
    if "://" in uri and not uri.startswith("file://"):
        return uri
    path = local_path(uri) or Path(uri).expanduser()
    return "file://" + quote(str((folder / path).resolve()))


def local_path(uri: str) -> Path | None:
    """The path of a `file://` URI, or None for any other URI."""
    parts = urlsplit(uri)
    return Path(unquote(parts.netloc + parts.path)) if parts.scheme == "file" else None


def is_hub_id(base: str, folder: Path) -> bool:
    """Whether a base model is an id of the Hugging Face hub: no URI, no path, no folder here."""
    if not base or "://" in base or base.startswith(("/", ".", "~")):
        return False
    return base.count("/") <= 1 and not (folder / base).exists()


def _absolute_path(path: Path | None, folder: Path) -> Path | None:
    return folder / path.expanduser() if path else None


def _prepare(parameters: PrepareParameters, folder: Path, digests: FileDigests) -> PrepareParameters:
    update: dict[str, object] = {}
    for name in ("train", "validation", "test", "calibration"):
        dataset = getattr(parameters, name)
        if dataset:
            update[name] = _dataset(dataset, folder, digests)
    if parameters.base and not is_hub_id(parameters.base, folder):
        base = absolute(parameters.base, folder)
        path = local_path(base)
        update |= {"base": base, "base_content": digests.of_model(path) if path else None}
    return parameters.model_copy(update=update)


def _dataset(dataset: Dataset, folder: Path, digests: FileDigests) -> Dataset:
    uri = absolute(dataset.uri, folder)
    label_uri = absolute(dataset.label_uri, folder) if dataset.label_uri else None
    path, labels = local_path(uri), local_path(label_uri) if label_uri else None
    content = None
    if path:
        is_list = dataset.format == "npz" and path.is_file() and path.suffix != ".npz"
        content = digests.of_list(path) if is_list else digests.of_data(path)
    if content and labels:
        content = f"{content}:{digests.of_data(labels)}"
    return dataset.model_copy(update={"uri": uri, "label_uri": label_uri, "content": content})
