"""evaluate: scores a variant on the test snapshot, and compares it with the reference variant.

Reads predictions and gold once, aligned. It loads no model and does not read
the pointer, so a promotion changes no evaluation. Writes counts by sentence
and type, the sentences with most errors, and a page for people.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ner_jobs.corpus import snapshot
from ner_jobs.corpus.labels import read_labels, types_of
from ner_jobs.corpus.sentence import Sentence
from ner_jobs.report import evaluation_page
from ner_jobs.scoring.blocks import SENTENCES_IN_BLOCK, Pair, TagTable, block_of
from ner_jobs.scoring.candidates import count_candidates
from ner_jobs.scoring.confusion import Confusion, ConfusionCounter
from ner_jobs.scoring.counts import Counter, Counts
from ner_jobs.scoring.predictions import AlignedPredictions, Prediction, check_spans, read_predictions
from ner_jobs.scoring.seqeval_check import SENTENCES as CHECKED
from ner_jobs.scoring.seqeval_check import SeqevalCheck
from ner_jobs.scoring.summary import Draws, Evaluation, summarize, summarize_against
from ner_jobs.scoring.worst_sentences import ErrorExample, WorstSentences, error_example, write_error_examples
from ner_jobs.stages.base import StageContext, StageResult
from ner_jobs.task import PermanentError, StageError
from ner_jobs.task.exit_codes import ExitCode
from ner_jobs.task.parameters import EvaluateParameters


@dataclass(frozen=True, slots=True)
class Scored:
    """The result of one pass over the data.

    Attributes:
        reference: counts of the reference variant, or None if there is no reference to compare with.
        differing: sentences with other tags than the reference variant.
        checked: sentences on which seqeval agreed.
    """

    counts: Counts
    confusion: Confusion
    worst: tuple[ErrorExample, ...]
    reference: Counts | None
    differences: tuple[ErrorExample, ...]
    differing: int
    checked: int


def run(context: StageContext) -> StageResult:
    """Score one variant; with a `reference` input, compare it too."""
    parameters = EvaluateParameters.model_validate(context.task.parameters)
    variant = context.task.variant or "model"
    data = context.task.inputs["data"]
    test = data.digest or context.manifests["data"].outputs[data.output]
    scored = score(context)
    draws = Draws(parameters.confidence, parameters.resamples, parameters.seed)
    if scored.reference is None:
        evaluation = summarize(variant, test, scored.counts, scored.confusion, draws)
    else:
        evaluation = summarize_against(
            variant,
            test,
            scored.counts,
            scored.confusion,
            context.manifests["reference"].variant or "reference",
            scored.reference,
            scored.differing,
            draws,
        )
    evaluation = evaluation.model_copy(update={"checked": scored.checked})
    scored.counts.save(context.output / "counts")
    # The number of judged candidates depends on the store's present content, so it is in no keyed output.
    (context.output / "counts" / "summary.json").write_bytes(_json(evaluation))
    judged = count_candidates(context.store, test, [context.task.key])
    evaluation = evaluation.model_copy(update={"judged": judged})
    write_error_examples(context.output / "worst.jsonl", scored.worst)
    if scored.reference is not None:
        write_error_examples(context.output / "differences.jsonl", scored.differences)
    owner = context.task.owner
    html = evaluation_page.page(
        evaluation,
        title=f"{owner.namespace}/{owner.name}",
        worst=scored.worst,
        differences=scored.differences,
        key=context.task.key,
        emulated=context.task.emulated,
    )
    (context.output / "report.html").write_text(html, encoding="utf-8")
    _log_scores(context, evaluation)
    return StageResult(
        metrics=evaluation.model_dump(mode="json", by_alias=True), headline=_headline(evaluation)
    )


def score(context: StageContext) -> Scored:
    """One pass over data and predictions.

    Raises:
        PermanentError: the data has no gold, predictions do not fit it, or seqeval counts otherwise.
    """
    table = TagTable(types_of(read_labels(context.inputs["labels"])))
    counter, confusion, check = Counter(table), ConfusionCounter(table), SeqevalCheck()
    compared = "reference" in context.inputs
    reference = Counter(table)
    worst, differences, differing, done = WorstSentences(), WorstSentences(), 0, 0
    total = snapshot.count_sentences(context.inputs["data"])
    stream = _triples(context.inputs)
    while chunk := list(islice(stream, SENTENCES_IN_BLOCK)):
        if context.stopping.is_set():
            raise StageError("stopped before the end; nothing is lost", ExitCode.TERMINATED)
        pairs = [Pair(sentence.id, sentence.tags or (), own.tags) for sentence, own, _ in chunk]
        block = block_of(pairs, table)
        counter.add(block)
        confusion.add(block)
        check.add(pairs)
        if done < CHECKED:
            for _, own, _ in chunk:
                check_spans(own, "predictions")
        if compared:
            others = [
                Pair(sentence.id, sentence.tags or (), other.tags)
                for sentence, _, other in chunk
                if other is not None
            ]
            reference.add(block_of(others, table))
        for sentence, own, other in chunk:
            differs = other is not None and other.tags != own.tags
            differing += differs
            if own.tags == sentence.tags and not differs:
                continue
            item = error_example(sentence, own.tags, other.tags if other is not None else None)
            if item.errors:
                worst.add(item.errors, item)
            if differs and item.reference_errors is not None:
                # Losses of this variant come first, then gains, then differences without effect.
                change = item.errors - item.reference_errors
                differences.add(2 * abs(change) + (change > 0), item)
        done += len(chunk)
        context.progress(done, total, "sentences scored")
    if not done:
        raise PermanentError("the test set is empty: there is nothing to evaluate")
    counts = counter.counts()
    return Scored(
        counts=counts,
        confusion=confusion.confusion(),
        worst=worst.ranked(),
        reference=reference.counts() if compared else None,
        differences=differences.ranked(),
        differing=differing,
        checked=check.compare(counts),
    )


def _triples(inputs: Mapping[str, Path]) -> Iterator[tuple[Sentence, Prediction, Prediction | None]]:
    """Each sentence with its prediction, and the reference variant's if there is one."""
    own = AlignedPredictions(read_predictions(inputs["predictions"]), "predictions")
    other = (
        AlignedPredictions(read_predictions(inputs["reference"]), "reference")
        if "reference" in inputs
        else None
    )
    for sentence in snapshot.read_sentences(inputs["data"]):
        if sentence.tags is None:
            raise PermanentError(
                f"{sentence.source or sentence.id}: this sentence has no gold tags; evaluate needs them for "
                "every sentence of the test set"
            )
        yield sentence, own.of(sentence), other.of(sentence) if other else None
    own.end()
    if other:
        other.end()


def _json(evaluation: Evaluation) -> bytes:
    figures = evaluation.model_dump(mode="json", by_alias=True, exclude={"judged"})
    return json.dumps(figures, ensure_ascii=False, indent=1, sort_keys=True).encode()


def _headline(evaluation: Evaluation) -> dict[str, float | int | str | bool | None]:
    """Figures as computed; they are rounded where they are shown."""
    headline: dict[str, float | int | str | bool | None] = {
        "f1": evaluation.f1.point,
        "f1Strict": evaluation.f1_strict,
        "accuracy": evaluation.accuracy,
        "sentences": evaluation.sentences,
    }
    if evaluation.reference is not None:
        headline["drop"] = evaluation.reference.drop.point
        headline["dropUpper"] = evaluation.reference.drop.upper
    return headline


def _log_scores(context: StageContext, evaluation: Evaluation) -> None:
    f1 = evaluation.f1
    if not evaluation.gold:
        context.log(
            f"the {evaluation.sentences:,} sentences of test have no entity: there is nothing to find, and "
            "F1 says nothing about the model; give spec.data.test sentences with entities"
        )
    context.log(
        f"F1 {f1.point:.4f} ({evaluation.confidence:.0%} interval {f1.low:.4f} to {f1.high:.4f}) on "
        f"{evaluation.sentences:,} sentences; seqeval agrees on {evaluation.checked:,}"
    )
    reference = evaluation.reference
    if reference is not None:
        context.log(
            f"{reference.drop.point:+.2f} points lost against {reference.variant} "
            f"({reference.drop.low:+.2f} to {reference.drop.high:+.2f}); "
            f"{reference.differing:,} sentences differ, {reference.better:,} of them better, "
            f"{reference.worse:,} worse"
        )
    if evaluation.judged > 1:
        context.log(f"this test snapshot has judged {evaluation.judged} candidates so far")
