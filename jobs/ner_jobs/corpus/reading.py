"""Opens a data set of the spec: the reader is chosen here, by its format.

A `Corpus` can be read more than once, one sentence in memory: the first reading
finds the tag scheme, the second uses it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ner_jobs.corpus.conll import read_conll
from ner_jobs.corpus.fetching import Fetched, Fetcher, local_path, sha256_of
from ner_jobs.corpus.jsonl import read_jsonl
from ner_jobs.corpus.notes import ReadingNotes
from ner_jobs.corpus.npz import (
    LIST_FILE,
    Sample,
    read_label_file,
    read_npz_set,
    samples_of_folder,
    samples_of_list,
)
from ner_jobs.corpus.saved_dataset import read_saved_dataset
from ner_jobs.corpus.sentence import RawSentence, Sentence
from ner_jobs.corpus.survey import survey
from ner_jobs.corpus.tags import find_scheme, normalise
from ner_jobs.store.protocol import Store
from ner_jobs.task import ExitCode, PermanentError, StorageSettings
from ner_jobs.task.parameters import Dataset, Segmentation, TagScheme


@dataclass(frozen=True, slots=True)
class Corpus:
    """A data set that is on this machine.

    Attributes:
        split: `train`, `validation`, `test`, …: part of every id.
        spec_field: of the spec, for messages: `spec.data.train`.
        name: path or URI, as the user wrote it.
        sources: SHA-256 by name, of the single files that were read.
        sentences: reads them from the start.
        notes: what the last reading passed over.
    """

    split: str
    spec_field: str
    name: str
    has_text: bool
    sources: dict[str, str]
    sentences: Callable[[], Iterator[RawSentence]] = field(repr=False)
    notes: ReadingNotes = field(default_factory=ReadingNotes)


@dataclass(frozen=True, slots=True)
class Access:
    """What is needed to open data sets.

    Attributes:
        storage: of the task: its endpoint settings serve `s3://` data too.
        scratch: folder for copies.
        segmentation: how text becomes tokens.
        npz_labels: names of the tag numbers of an npz set's label file.
    """

    storage: StorageSettings
    scratch: Path
    segmentation: Segmentation = "characters"
    npz_labels: tuple[str, ...] | None = None

    def fetcher(self) -> Fetcher:
        """A fetcher with this access."""
        return Fetcher(self.storage, self.scratch, _open_store)


def open_corpus(dataset: Dataset, split: str, spec_field: str, access: Access) -> Corpus:
    """Bring a data set to this machine and choose its reader.

    Args:
        dataset: URI, format, pins.
        split: `train`, `validation`, `test`, …
        spec_field: of the data set, for messages: `spec.data.test`.
        access: to storage and scratch.

    Raises:
        PermanentError: it is missing (the field is named), or its pin does not match (both digests are).
        RetryableError: the store does not answer.
    """
    opener = {"conll": _open_text, "jsonl": _open_text, "dataset": _open_saved, "npz": _open_npz}
    return opener[dataset.format](dataset, split, spec_field, access)


def read_dataset(
    dataset: Dataset, split: str, spec_field: str, access: Access, scheme: TagScheme = "auto"
) -> Iterator[Sentence]:
    """Read one data set as sentences in IOB2, as inference does, one in memory.

    Gold is kept if there is any; a first reading finds its scheme.

    Raises:
        PermanentError: see `open_corpus` and `survey`; or a line is bad (file and line).
    """
    corpus = open_corpus(dataset, split, spec_field, access)
    census = survey(corpus.sentences(), f"{spec_field}: {corpus.name}")
    found = find_scheme([census], scheme)
    for ordinal, raw in enumerate(corpus.sentences(), 1):
        yield normalise(raw, found, split, ordinal)


def _open_store(settings: StorageSettings) -> Store:
    # Imported here: boto3 is needed only for data in S3.
    from ner_jobs.store.open import open_store

    return open_store(settings)


def _open_text(dataset: Dataset, split: str, spec_field: str, access: Access) -> Corpus:
    fetched = access.fetcher().file(dataset.uri, f"{spec_field}.uri", dataset.sha256)
    path, name, encoding = fetched.path, fetched.name, dataset.encoding
    digest = sha256_of(path)
    if dataset.content and dataset.content != digest:
        # The key names the content that the planner read: other bytes must not be published under it.
        raise PermanentError(f"{spec_field}.uri: {name} changed after the run was planned; run again")
    notes = ReadingNotes()
    readers: dict[str, Callable[[], Iterator[RawSentence]]] = {
        "conll": lambda: read_conll(path, name, encoding, notes),
        "jsonl": lambda: read_jsonl(path, name, access.segmentation, encoding, notes),
    }
    return Corpus(split, spec_field, name, True, {name: digest}, readers[dataset.format], notes)


def _open_saved(dataset: Dataset, split: str, spec_field: str, access: Access) -> Corpus:
    _refuse_pin(dataset, spec_field)
    fetched = access.fetcher().folder(dataset.uri, f"{spec_field}.uri")
    return Corpus(
        split,
        spec_field,
        fetched.name,
        True,
        {},
        lambda: read_saved_dataset(fetched.path, fetched.name, split),
    )


def _open_npz(dataset: Dataset, split: str, spec_field: str, access: Access) -> Corpus:
    fetcher = access.fetcher()
    sources: dict[str, str] = {}
    if fetcher.is_folder(dataset.uri, f"{spec_field}.uri"):
        _refuse_pin(dataset, spec_field)
        fetched = fetcher.folder(dataset.uri, f"{spec_field}.uri", lambda name: name.endswith(".npz"))
        samples = samples_of_folder(fetched.path, fetched.name)
    else:
        fetched = fetcher.file(dataset.uri, f"{spec_field}.uri", dataset.sha256)
        sources[fetched.name] = sha256_of(fetched.path)
        samples = _samples_of_list(fetcher, fetched, dataset.uri, spec_field)
    gold = None
    if dataset.label_uri:
        labels = fetcher.file(dataset.label_uri, f"{spec_field}.labelUri")
        sources[labels.name] = sha256_of(labels.path)
        gold = read_label_file(labels.path, labels.name)
    inputs, names = dataset.npz_inputs, access.npz_labels
    return Corpus(
        split,
        spec_field,
        fetched.name,
        False,
        sources,
        lambda: read_npz_set(samples, fetched.name, inputs, gold, names),
    )


def _samples_of_list(fetcher: Fetcher, listed: Fetched, uri: str, spec_field: str) -> tuple[Sample, ...]:
    """The files of a data list; in S3 they are under the list's own prefix."""
    try:
        lines = listed.path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise PermanentError(
            f"{spec_field}.uri: {listed.name} is not a data list; name a folder of .npz files, or a text "
            f"file such as {LIST_FILE} with a path a line"
        ) from error
    folder = listed.path.parent
    if local_path(uri, spec_field) is None:
        wanted = {PurePosixPath(line.strip()).name for line in lines}
        parent = uri.rpartition("/")[0]
        folder = fetcher.folder(
            parent, f"{spec_field}.uri", lambda name: PurePosixPath(name).name in wanted
        ).path
        lines = [_downloaded(folder, line) for line in lines]
    return samples_of_list(lines, folder, listed.name)


def _downloaded(folder: Path, line: str) -> str:
    """The downloaded file of a line: under its own path, or anywhere under the folder by its name."""
    written = line.strip()
    if not written or (folder / written).is_file():
        return written
    found = sorted(folder.rglob(PurePosixPath(written).name))
    return str(found[0]) if found else written


def _refuse_pin(dataset: Dataset, spec_field: str) -> None:
    if dataset.sha256:
        raise PermanentError(
            f"{spec_field}.sha256 pins a single file, and {dataset.uri} is a folder; leave it out",
            ExitCode.USAGE,
        )
