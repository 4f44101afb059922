"""prepare: what the spec names, as it is now, into the store.

Data sets are read, checked, normalised to IOB2 and written as snapshots; the
base model is copied too. Later keys rest on the content of these outputs. So a
file that moves, or is written in another scheme, changes nothing in later
stages. Nothing is repaired: what looks wrong is counted, shown with file and
line, and kept.

A framework is imported only to try a base at maxLength. A corpus is read twice,
one sentence in memory: once for scheme and characters (`survey`), once to write
(`SplitWriter`).
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ner_jobs.corpus.labels import (
    LabelList,
    decide_labels_as_they_are,
    decide_labels_to_train,
    labels_of_config,
    write_labels,
)
from ner_jobs.corpus.reading import Access, Corpus, open_corpus
from ner_jobs.corpus.sampling import draw_calibration
from ner_jobs.corpus.sentence import RawSentence, Sentence
from ner_jobs.corpus.snapshot import count_sentences, write_sentences
from ner_jobs.corpus.splits import SPLITS, SplitWriter
from ner_jobs.corpus.splitting import documents_of, split_by_hash
from ner_jobs.corpus.statistics import (
    SplitStatistics,
    SubTokenCounter,
    overlap_warnings,
    shared_sentences,
    types_not_everywhere,
    write_statistics,
)
from ner_jobs.corpus.survey import survey
from ner_jobs.corpus.tags import find_scheme
from ner_jobs.models.base_model import BaseModel, snapshot_base
from ner_jobs.models.checkpoint_config import Checkpoint
from ner_jobs.models.folder import ModelFolder
from ner_jobs.models.new_base import make_base
from ner_jobs.stages.base import StageContext, StageResult
from ner_jobs.task import ExitCode, PermanentError, StageError
from ner_jobs.task.parameters import PrepareParameters

SENTENCES_BETWEEN_CHECKS = 1000
"""How often progress is reported and SIGTERM is obeyed."""


def run(context: StageContext) -> StageResult:
    """Snapshot data and base model.

    Outputs: `base`, `labels`, `train`, `validation`, `test`, `calibration`; record `statistics.json`.

    Raises:
        PermanentError: something is missing or wrong; the field, or file and line, is named.
        RetryableError: a store or the hub does not answer.
        StageError: SIGTERM came.
    """
    parameters = PrepareParameters.model_validate(context.task.parameters)
    _check_parameters(parameters)
    access = Access(
        context.task.storage,
        context.scratch,
        parameters.segmentation,
        parameters.npz_labels or parameters.labels,
    )
    corpora = _open_corpora(context, parameters, access)
    tokens: Counter[str] = Counter()
    censuses = {
        split: survey(
            _first_reading(context, split, corpus, tokens if parameters.config is not None else None),
            f"{corpus.spec_field}: {corpus.name}",
        )
        for split, corpus in corpora.items()
    }
    scheme = find_scheme(censuses.values(), parameters.scheme)
    asked = "found from the tags" if parameters.scheme == "auto" else "as spec.data.scheme says"
    context.log(f"tag scheme: {scheme}, {asked}; kept as IOB2")

    base = _write_base(context, parameters, access, tokens)
    writer = SplitWriter(
        context.output,
        lambda split: _watched(context, split, corpora[split], censuses[split].sentences),
        scheme,
        parameters.max_length,
        SubTokenCounter(ModelFolder(context.output / "base").tokenizer()),
    )
    train = _write_splits(context, parameters, corpora, writer)
    splits = writer.present
    labels = _decide_labels(parameters, base.checkpoint, splits)
    context.log(f"{labels.reason}: {', '.join(labels.labels)}")
    write_labels(context.output / "labels", labels, scheme)
    warnings = _without_entities(splits) + _unknown_labels(labels, splits)
    warnings += _write_calibration(context, parameters, corpora, writer, train)

    for split, corpus in corpora.items():
        warnings += [f"{split}: {sentence}" for sentence in corpus.notes.warnings()]
    shared, partly = shared_sentences(splits), types_not_everywhere(splits)
    shared |= _calibration_in_test(corpora, writer)
    for split, found in splits.items():
        warnings += found.warnings(split)
    warnings += overlap_warnings(shared, partly)
    for warning in warnings:
        context.log(f"warning: {warning}")
    metrics: dict[str, Any] = {
        "scheme": scheme,
        "labels": labels.labels,
        "splits": {split: found.figures() for split, found in splits.items()},
        "sharedSentences": shared,
        "typesNotEverywhere": partly,
        "calibration": count_sentences(context.output / "calibration"),
        "validationFromTrain": "validation" not in corpora and "train" in corpora,
        "base": {"identity": base.identity, "corrections": list(base.checkpoint.corrections)},
        "warnings": warnings,
    }
    write_statistics(context.output / "statistics.json", metrics)
    return StageResult(
        metrics=metrics,
        headline={split: len(found.tokens) for split, found in splits.items()}
        | {"scheme": scheme, "types": len(labels.types), "warnings": len(warnings)},
        provenance={
            "sources": {
                name: digest for corpus in corpora.values() for name, digest in corpus.sources.items()
            },
            "baseRevision": base.revision,
        },
    )


def _check_parameters(parameters: PrepareParameters) -> None:
    """Refuse what the schema cannot refuse, and what a task written by hand may lack."""
    if bool(parameters.base) == (parameters.config is not None):
        raise PermanentError("spec.model needs one of base and config", ExitCode.USAGE)
    if parameters.finetuned and parameters.train is None:
        raise PermanentError("spec.finetune needs spec.data.train", ExitCode.USAGE)
    if parameters.config is not None and parameters.train is None:
        raise PermanentError(
            "spec.model.config needs spec.data.train: its tokenizer is made of it", ExitCode.USAGE
        )
    if parameters.train is not None and parameters.train.format == "npz":
        raise PermanentError(
            "spec.data.train: an npz set has no text; it serves test, validation, calibration and inference. "
            "Train from conll, jsonl or dataset",
            ExitCode.USAGE,
        )


def _open_corpora(context: StageContext, parameters: PrepareParameters, access: Access) -> dict[str, Corpus]:
    opened: dict[str, Corpus] = {}
    for split in (*SPLITS, "calibration"):
        dataset = getattr(parameters, split)
        if dataset is not None:
            opened[split] = open_corpus(dataset, split, f"spec.data.{split}", access)
            context.log(f"{split}: {opened[split].name} ({dataset.format})")
    return opened


def _first_reading(
    context: StageContext, split: str, corpus: Corpus, train_tokens: Counter[str] | None
) -> Iterator[RawSentence]:
    """Check that gold is there, and count train's tokens if a vocabulary is made of them."""
    for raw in _watched(context, split, corpus):
        if raw.tags is None and split in SPLITS:
            remedy = (
                "give every sentence its tags"
                if corpus.has_text
                else "write labelUri, the file of its tag numbers"
            )
            raise PermanentError(f"{raw.where()} has no gold, which {corpus.spec_field} needs; {remedy}")
        if train_tokens is not None and split == "train":
            train_tokens.update(raw.tokens)
        yield raw


def _watched(context: StageContext, split: str, corpus: Corpus, total: int = 0) -> Iterator[RawSentence]:
    """Read a corpus, obey SIGTERM, and report progress if the total is known."""
    for number, sentence in enumerate(corpus.sentences()):
        if number % SENTENCES_BETWEEN_CHECKS == 0:
            if context.stopping.is_set():
                raise StageError(
                    "stopped while reading the data; the next run starts again", ExitCode.TERMINATED
                )
            if total:
                context.progress(number, total, f"sentences of {split}")
        yield sentence


def _write_base(
    context: StageContext, parameters: PrepareParameters, access: Access, tokens: Mapping[str, int]
) -> BaseModel:
    target = context.output / "base"
    if parameters.config is not None:
        base = make_base(parameters, tokens, target)
        size = base.checkpoint.config["vocab_size"]
        context.log(f"base: a model from nothing, with {size} sub-tokens of train")
        return base
    base = snapshot_base(parameters, target, access.fetcher(), context.log)
    at = f" at {base.revision}" if base.revision else ""
    context.log(f"base: {parameters.base}{at}, identity {base.identity[:12]}")
    return base


def _write_splits(
    context: StageContext, parameters: PrepareParameters, corpora: Mapping[str, Corpus], writer: SplitWriter
) -> list[Sentence]:
    """Write train, validation and test; return what is in train."""
    train = list(writer.normalised("train")) if "train" in corpora else []
    if "validation" not in corpora:
        validation: list[Sentence] = []
        if "train" in corpora:
            fraction, seed = parameters.validation_fraction, parameters.seed
            documents = documents_of(train)
            unit = f"each of {documents} documents" if documents > 1 else "each"
            train, validation = split_by_hash(train, fraction, seed)
            context.log(
                f"no spec.data.validation: {len(validation)} of {len(train) + len(validation)} sentences "
                f"of train became validation (fraction {fraction:g}, by the hash of {unit}, seed {seed})"
            )
        writer.write("validation", validation)
    writer.write("train", train)
    for split in ("validation", "test"):
        if split in corpora:
            writer.write(split, writer.normalised(split))
    for split in SPLITS:
        if split in corpora and split not in writer.present:
            corpus = corpora[split]
            raise PermanentError(f"{corpus.spec_field}: {corpus.name} has no sentence with a token")
    return train


def _decide_labels(
    parameters: PrepareParameters, checkpoint: Checkpoint, splits: Mapping[str, SplitStatistics]
) -> LabelList:
    own = labels_of_config(checkpoint.config) if checkpoint.is_token_classifier else None
    if parameters.finetuned:
        return decide_labels_to_train(parameters.labels, own, splits["train"].tags)
    if not checkpoint.is_token_classifier:
        architectures = ", ".join(checkpoint.config.get("architectures") or ["none"])
        raise PermanentError(
            f"spec.finetune is absent, and spec.model.base ({parameters.base}) is not a token "
            f"classifier (architectures: {architectures}); "
            "add spec.finetune, or name a model that is finetuned already"
        )
    tags = frozenset[str]().union(*(found.tags for found in splits.values()))
    return decide_labels_as_they_are(parameters.labels, own, checkpoint.label_count, tags)


def _without_entities(splits: Mapping[str, SplitStatistics]) -> list[str]:
    return [
        f"{split} has no entity: there is nothing to find, so F1 is 0 for every model; "
        f"give spec.data.{split} sentences with entities"
        for split, found in splits.items()
        if not found.entities
    ]


def _unknown_labels(labels: LabelList, splits: Mapping[str, SplitStatistics]) -> list[str]:
    unknown = {split: sorted(found.tags - set(labels.labels)) for split, found in splits.items()}
    return [
        f"{split} has {', '.join(tags)}, which the model does not know: every such entity counts as missed"
        for split, tags in unknown.items()
        if tags
    ]


def _calibration_in_test(corpora: Mapping[str, Corpus], writer: SplitWriter) -> dict[str, int]:
    """Count the distinct sentences that a calibration set of the user's own shares with test.

    Raises:
        PermanentError: all of them are in test.
    """
    if "calibration" not in corpora:
        return {}
    calibration, test = (writer.statistics[split].texts for split in ("calibration", "test"))
    if calibration and calibration <= test:
        raise PermanentError(
            f"spec.data.calibration: all sentences of {corpora['calibration'].name} are in spec.data.test, "
            "which only judges; name other data, or leave uri out to sample train"
        )
    return {"calibration/test": len(calibration & test)}


def _write_calibration(
    context: StageContext,
    parameters: PrepareParameters,
    corpora: Mapping[str, Corpus],
    writer: SplitWriter,
    train: list[Sentence],
) -> list[str]:
    """Write the calibration sample; return warnings."""
    source, name = train, "train"
    warnings: list[str] = []
    if "calibration" in corpora:
        source = list(writer.counted("calibration", writer.normalised("calibration")))
        name = corpora["calibration"].name
        warnings += writer.statistics["calibration"].warnings("calibration")
    sample = draw_calibration(source, parameters.calibration_size, parameters.seed)
    if sample.sentences:
        context.log(f"calibration: {len(sample.sentences)} sentences of {name}, by seed {parameters.seed}")
    else:
        warnings.append(
            "no calibration sentences: spec.data has neither train nor calibration.uri; "
            "int8 recipes that calibrate cannot run"
        )
    if sample.uncovered:
        warnings.append(
            f"the calibration sample is too small to cover {', '.join(sample.uncovered)}; "
            "raise spec.data.calibration.size"
        )
    write_sentences(context.output / "calibration", sample.sentences)
    return warnings
