"""prepare: what the spec names, as it is now, into the store.

Data sets are read, checked, normalised to IOB2 and written as snapshots; the
base model is copied beside them. What later keys rest on is the content of
these outputs, so a file that moves, or is written in another scheme, changes
nothing behind this stage. Nothing is repaired in silence: what looks wrong is
counted, shown with file and line, and left.

It is quick: no framework is imported, and a corpus is read twice, a sentence
at a time: once for scheme and characters, once to write.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from ner_jobs.corpus.labels import (
    LabelList,
    decide_labels_as_they_are,
    decide_labels_to_train,
    labels_of_config,
    write_labels,
)
from ner_jobs.corpus.reading import Access, Corpus, UniqueIds, open_corpus
from ner_jobs.corpus.sampling import draw_calibration
from ner_jobs.corpus.sentence import RawSentence, Sentence
from ner_jobs.corpus.snapshot import write_sentences
from ner_jobs.corpus.splitting import split_by_hash
from ner_jobs.corpus.statistics import (
    SplitStatistics,
    SubTokenCounter,
    shared_sentences,
    types_not_everywhere,
    write_statistics,
)
from ner_jobs.corpus.tags import InvalidTags, Scheme, TagCensus, find_scheme, normalise
from ner_jobs.models.base_model import BaseModel, snapshot_base
from ner_jobs.models.folder import ModelFolder
from ner_jobs.models.new_base import make_base
from ner_jobs.stages.base import StageContext, StageResult
from ner_jobs.task import ExitCode, PermanentError, StageError
from ner_jobs.task.parameters import Dataset, PrepareParameters

SPLITS = ("train", "validation", "test")
SENTENCES_BETWEEN_LOOKS = 1000
"""How often progress is told and SIGTERM is looked for."""


def run(context: StageContext) -> StageResult:
    """Snapshot data and base model.

    Outputs: `base`, `labels`, `train`, `validation`, `test`, `calibration`; record `statistics.json`.

    Raises:
        PermanentError: something is missing or wrong; the field, or file and line, is named.
        RetryableError: a store or the hub does not answer.
        StageError: SIGTERM came.
    """
    return _Preparation(context).run()


class _Preparation:
    """The stage's state: what has been read so far."""

    def __init__(self, context: StageContext) -> None:
        self.context = context
        self.parameters = PrepareParameters.model_validate(context.task.parameters)
        self.access = Access(
            context.task.storage,
            context.scratch,
            self.parameters.segmentation,
            self.parameters.npz_labels or self.parameters.labels,
        )
        self.warnings: list[str] = []
        self.counts: dict[str, int] = {}
        _check_parameters(self.parameters)

    def run(self) -> StageResult:
        corpora = self._open_corpora()
        censuses, characters = self._take_census(corpora)
        scheme = find_scheme(censuses.values(), self.parameters.scheme)
        asked = "found from the tags" if self.parameters.scheme == "auto" else "as spec.data.scheme says"
        self.context.log(f"tag scheme: {scheme}, {asked}; kept as IOB2")

        base = self._bring_base(characters)
        counter = SubTokenCounter(ModelFolder(self.context.output / "base").tokenizer())
        statistics = {
            split: SplitStatistics(self.parameters.max_length, counter, InvalidTags(scheme))
            for split in SPLITS
        }
        train = self._write_train(corpora, scheme, statistics)
        for split in ("validation", "test"):
            if split in corpora:
                self._write_split(split, corpora[split], scheme, statistics[split])
        for split, corpus in corpora.items():
            if split in statistics and not len(statistics[split].tokens):
                raise PermanentError(f"{corpus.spec_field}: {corpus.name} has no sentence with a token")
        present = {split: found for split, found in statistics.items() if len(found.tokens)}
        labels = self._decide_labels(base, present, scheme)
        calibration = self._write_calibration(corpora, scheme, train, statistics)
        return self._result(corpora, base, labels, scheme, present, calibration)

    def _open_corpora(self) -> dict[str, Corpus]:
        parameters = self.parameters
        wanted: dict[str, Dataset | None] = {
            "train": parameters.train,
            "validation": parameters.validation,
            "test": parameters.test,
            "calibration": parameters.calibration,
        }
        opened: dict[str, Corpus] = {}
        for split, dataset in wanted.items():
            if dataset is not None:
                opened[split] = open_corpus(dataset, split, f"spec.data.{split}", self.access)
                self.context.log(f"{split}: {opened[split].name} ({dataset.format})")
        return opened

    def _take_census(self, corpora: dict[str, Corpus]) -> tuple[dict[str, TagCensus], Counter[str]]:
        """The first reading: tags for the scheme, ids, and train's tokens for a vocabulary."""
        tokens: Counter[str] = Counter()
        censuses: dict[str, TagCensus] = {}
        counts_tokens = self.parameters.config is not None
        for split, corpus in corpora.items():
            census = censuses[split] = TagCensus()
            ids = UniqueIds()
            count = 0
            for count, raw in enumerate(self._watched(split, corpus), 1):  # noqa: B007
                ids.check(raw)
                if raw.tags is None and split in SPLITS:
                    raise _without_gold(raw, corpus)
                census.add(raw)
                if counts_tokens and split == "train":
                    tokens.update(raw.tokens)
            if not count:
                raise PermanentError(f"{corpus.spec_field}: {corpus.name} holds no sentence")
            self.counts[split] = count
        return censuses, tokens

    def _bring_base(self, characters: Counter[str]) -> BaseModel:
        target = self.context.output / "base"
        if self.parameters.config is not None:
            base = make_base(self.parameters, characters, target)
            self.context.log(
                f"base: a model from nothing, with {base.checkpoint.config['vocab_size']} sub-tokens of train"
            )
        else:
            base = snapshot_base(self.parameters, target, self.access.fetcher(), self.context.log)
            at = f" at {base.revision}" if base.revision else ""
            self.context.log(f"base: {self.parameters.base}{at}, identity {base.identity[:12]}")
        return base

    def _write_train(
        self, corpora: dict[str, Corpus], scheme: Scheme, statistics: dict[str, SplitStatistics]
    ) -> list[Sentence]:
        """Train, and validation out of it where none is given; returns what is left of train."""
        if "train" not in corpora:
            self._write("train", [])
            if "validation" not in corpora:
                self._write("validation", [])
            return []
        sentences = list(self._normalised("train", corpora["train"], scheme, statistics["train"]))
        if "validation" not in corpora:
            fraction, seed = self.parameters.validation_fraction, self.parameters.seed
            sentences, validation = split_by_hash(sentences, fraction, seed)
            self.context.log(
                f"no spec.data.validation: {len(validation)} of {len(sentences) + len(validation)} sentences "
                f"of train became validation (fraction {fraction:g}, by the hash of each, seed {seed})"
            )
            self._write("validation", _counted(validation, statistics["validation"]))
        self._write("train", _counted(sentences, statistics["train"]))
        return sentences

    def _write_split(self, split: str, corpus: Corpus, scheme: Scheme, statistics: SplitStatistics) -> None:
        self._write(split, _counted(self._normalised(split, corpus, scheme, statistics), statistics))

    def _write(self, split: str, sentences: Iterable[Sentence]) -> int:
        return write_sentences(self.context.output / split, sentences)

    def _normalised(
        self, split: str, corpus: Corpus, scheme: Scheme, statistics: SplitStatistics
    ) -> Iterator[Sentence]:
        """The second reading."""
        for ordinal, raw in enumerate(self._watched(split, corpus), 1):
            if not raw.tokens and raw.input_ids is None:
                statistics.skip(raw)
                continue
            if statistics.invalid is not None:
                statistics.invalid.add(raw)
            yield normalise(raw, scheme, split, ordinal)

    def _decide_labels(
        self, base: BaseModel, present: dict[str, SplitStatistics], scheme: Scheme
    ) -> LabelList:
        checkpoint, asked = base.checkpoint, self.parameters.labels
        own = labels_of_config(checkpoint.config) if checkpoint.is_token_classifier else None
        if self.parameters.finetuned:
            train_tags = present["train"].tags if "train" in present else frozenset[str]()
            labels = decide_labels_to_train(asked, own, train_tags)
        else:
            if not checkpoint.is_token_classifier:
                architectures = ", ".join(checkpoint.config.get("architectures") or ["none"])
                raise PermanentError(
                    f"spec.finetune is absent, and spec.model.base ({self.parameters.base}) is no token "
                    f"classifier (architectures: {architectures}); "
                    "add spec.finetune, or name a model that is finetuned already"
                )
            data_tags = frozenset[str]().union(*(found.tags for found in present.values()))
            labels = decide_labels_as_they_are(asked, own, checkpoint.label_count, data_tags)
        self.context.log(f"{labels.reason}: {', '.join(labels.labels)}")
        for split, found in present.items():
            unknown = sorted(found.tags - set(labels.labels))
            if unknown:
                self._warn(
                    f"{split} has {', '.join(unknown)}, which the model does not know: "
                    "every such entity counts as missed"
                )
        write_labels(self.context.output / "labels", labels, scheme)
        return labels

    def _write_calibration(
        self,
        corpora: dict[str, Corpus],
        scheme: Scheme,
        train: list[Sentence],
        statistics: dict[str, SplitStatistics],
    ) -> int:
        size, seed = self.parameters.calibration_size, self.parameters.seed
        source, where = train, "train"
        if "calibration" in corpora:
            corpus = corpora["calibration"]
            own = SplitStatistics(
                self.parameters.max_length, statistics["train"].counter, InvalidTags(scheme)
            )
            source = list(_counted(self._normalised("calibration", corpus, scheme, own), own))
            where = corpus.name
            self.warnings += [self._said(warning) for warning in own.warnings("calibration")]
        sample = draw_calibration(source, size, seed)
        if not sample.sentences:
            self._warn(
                "no calibration sentences: spec.data has neither train nor calibration.uri; "
                "int8 recipes that calibrate cannot run"
            )
        else:
            self.context.log(f"calibration: {len(sample.sentences)} sentences of {where}, by seed {seed}")
        if sample.uncovered:
            self._warn(
                f"the calibration sample is too small to cover {', '.join(sample.uncovered)}; "
                "raise spec.data.calibration.size"
            )
        return self._write("calibration", sample.sentences)

    def _result(
        self,
        corpora: dict[str, Corpus],
        base: BaseModel,
        labels: LabelList,
        scheme: Scheme,
        present: dict[str, SplitStatistics],
        calibration: int,
    ) -> StageResult:
        shared = shared_sentences(present)
        partly = types_not_everywhere(present)
        for split, found in present.items():
            self.warnings += [self._said(warning) for warning in found.warnings(split)]
        for pair, count in shared.items():
            if count:
                one, other = pair.split("/")
                self._warn(f"{one} and {other} share sentences, {count} of them distinct")
        for name, splits in partly.items():
            self._warn(f"entity type {name} is in {' and '.join(splits)} alone")
        metrics: dict[str, Any] = {
            "scheme": scheme,
            "labels": labels.labels,
            "splits": {split: found.figures() for split, found in present.items()},
            "sharedSentences": shared,
            "typesNotEverywhere": partly,
            "calibration": calibration,
            "validationFromTrain": "validation" not in corpora and "train" in corpora,
            "base": {"identity": base.identity, "corrections": list(base.checkpoint.corrections)},
            "warnings": self.warnings,
        }
        sources = {name: digest for corpus in corpora.values() for name, digest in corpus.sources.items()}
        write_statistics(self.context.output / "statistics.json", metrics)
        return StageResult(
            metrics=metrics,
            headline={split: len(found.tokens) for split, found in present.items()}
            | {"scheme": scheme, "types": len(labels.types), "warnings": len(self.warnings)},
            provenance={"sources": sources, "baseRevision": base.revision},
        )

    def _watched(self, split: str, corpus: Corpus) -> Iterator[RawSentence]:
        """Obeys SIGTERM every thousand sentences; tells progress once it is known how many there are."""
        total = self.counts.get(split)
        for number, sentence in enumerate(corpus.sentences()):
            if number % SENTENCES_BETWEEN_LOOKS == 0:
                if self.context.stopping.is_set():
                    raise StageError(
                        "stopped while reading the data; the next run starts again", ExitCode.TERMINATED
                    )
                if total:
                    self.context.progress(number, total, f"sentences of {split}")
            yield sentence

    def _warn(self, sentence: str) -> None:
        self.warnings.append(self._said(sentence))

    def _said(self, sentence: str) -> str:
        self.context.log(f"warning: {sentence}")
        return sentence


def _counted(sentences: Iterable[Sentence], statistics: SplitStatistics) -> Iterator[Sentence]:
    for sentence in sentences:
        statistics.add(sentence)
        yield sentence


def _without_gold(raw: RawSentence, corpus: Corpus) -> PermanentError:
    remedy = (
        "write labelUri, the file of its tag numbers"
        if not corpus.has_text
        else "give every sentence its tags"
    )
    return PermanentError(f"{raw.where()} has no gold, which {corpus.spec_field} needs; {remedy}")


def _check_parameters(parameters: PrepareParameters) -> None:
    """What no schema can say, or a task written by hand may lack."""
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
