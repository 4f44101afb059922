"""Manifests of a revision become one comparison: as rows, as JSON, as a page."""

import json
from typing import Any

import pytest

from ner_jobs.promotion.gates import GateOutcome, Reason
from ner_jobs.promotion.verdict import Outcome, VariantVerdict, Verdict
from ner_jobs.report import comparison
from ner_jobs.report.comparison import COLUMNS, collect, page, rows, to_json
from ner_jobs.scoring.blocks import Pair, TagTable, block_of
from ner_jobs.scoring.confusion import ConfusionCounter
from ner_jobs.scoring.counts import Counts, count
from ner_jobs.scoring.summary import Draws, Evaluation, summarize, summarize_against
from ner_jobs.task import FileEntry, Manifest, Stage

DRAWS = Draws(resamples=100)


def pairs(wrong: int) -> list[Pair]:
    return [
        Pair(f"t:{at}", ("B-PER", "B-LOC"), ("B-PER", "O") if at < wrong else ("B-PER", "B-LOC"))
        for at in range(50)
    ]


def evaluation(name: str, wrong: int, reference: Counts | None = None) -> Evaluation:
    table = TagTable()
    counter = ConfusionCounter(table)
    counter.add(block_of(pairs(wrong), table))
    counts = count(pairs(wrong))
    if reference is None:
        return summarize(name, "d" * 64, counts, counter.confusion(), DRAWS)
    return summarize_against(name, "d" * 64, counts, counter.confusion(), "fp32", reference, wrong, DRAWS)


def a_manifest(stage: Stage, variant: str | None, finished: float = 1, **fields: Any) -> Manifest:
    content = {"files": (), "metrics": {}, "headline": {}, "parameters": {}, **fields}
    return Manifest(
        stage=stage,
        key="a" * 64,
        attempt="a",
        variant=variant,
        outputs={},
        inputs={},
        started=0,
        finished=finished,
        **content,
    )


def manifests() -> list[Manifest]:
    reference = count(pairs(2))
    figures = {"fp32": evaluation("fp32", 2), "int8": evaluation("int8", 3, reference)}
    verdict = Verdict(
        outcome=Outcome.PROMOTED,
        message="int8 passed every gate",
        revision="r" * 64,
        variant="int8",
        generation=2,
        f1=figures["int8"].f1.point,
        drop=1.0,
        drop_upper=2.0,
        judged=4,
        test="d" * 64,
        variants=(
            VariantVerdict(
                variant="int8",
                outcome=GateOutcome.SUCCESSFUL,
                reason=Reason.PASSED,
                message="passed 1 gate",
                findings=(),
            ),
            VariantVerdict(
                variant="fp32",
                outcome=GateOutcome.FAILED,
                reason=Reason.BELOW_MINIMUM,
                message="too low",
                findings=(),
            ),
        ),
    )
    found = [
        a_manifest(
            Stage.PROMOTE,
            None,
            metrics=verdict.model_dump(mode="json", by_alias=True),
            parameters={"reference": "fp32", "preference": ["int8", "fp32"]},
        )
    ]
    for name, asked, made in (("fp32", "fp32", "fp32"), ("int8", "int8", "bf16")):
        found += [
            a_manifest(
                Stage.COMPILE,
                name,
                files=(FileEntry(path="compiled/model.bin", size=3 << 20, sha256="0"),),
                parameters={"precision": asked, "backend": "openvino"},
                headline={"precision": made, "recipe": "smooth" if name == "int8" else None},
                metrics={
                    "recipes": [{"name": "smooth", "f1": 0.9, "drop": 0.1, "bound": 0.3, "why": "taken"}]
                }
                if name == "int8"
                else {},
            ),
            a_manifest(Stage.EVALUATE, name, metrics=figures[name].model_dump(mode="json", by_alias=True)),
            a_manifest(
                Stage.BENCHMARK,
                name,
                metrics={
                    "sentencesPerSecond": 30.0 if name == "fp32" else 120.0,
                    "latencyMs": {"p50": 9.5, "p90": 12.0, "p99": 20.0},
                    "peakPssMiB": 310.0,
                },
            ),
        ]
    return found


def test_rows_tell_the_story() -> None:
    table = rows(collect("nlp/tiny", manifests()))
    assert all(len(row) == len(COLUMNS) for row in table)
    reference, int8 = (dict(zip(COLUMNS, row, strict=True)) for row in table)
    assert (reference["variant"], reference["drop"], reference["verdict"]) == (
        "fp32",
        "reference",
        "Failed, BelowMinimum",
    )
    assert reference["why"] == "too low"
    assert int8["precision"] == "bf16 (asked: int8)"
    assert int8["verdict"] == "promoted"
    assert (int8["sentences/s"], int8["size"]) == ("120.0", "3.0 MiB")
    assert float(int8["drop"]) == pytest.approx(100 * (98 / 99 - 97 / 98.5), abs=0.01)


def test_json_is_plain_and_whole() -> None:
    content = json.loads(json.dumps(to_json(collect("nlp/tiny", manifests()))))
    assert content["verdict"]["variant"] == "int8"
    assert [variant["name"] for variant in content["variants"]] == ["fp32", "int8"]
    assert content["variants"][1]["trials"][0]["bound"] == 0.3
    assert comparison.Comparison.model_validate(content).variants[1].speed is not None


def test_the_page_names_every_section() -> None:
    html = page(collect("nlp/tiny", manifests()))
    for anchor in ("variants", "quality", "types", "gates", "recipes", "method"):
        assert f'<section id="{anchor}"' in html
    assert "int8 is promoted: 4.0 times as fast as fp32" in html
    assert "http://" not in html
    assert "https://" not in html


def test_before_promote_has_run() -> None:
    unjudged = [manifest for manifest in manifests() if manifest.stage != Stage.PROMOTE]
    found = collect("nlp/tiny", unjudged)
    assert [variant.name for variant in found.variants] == ["fp32", "int8"]
    assert found.variants[0].reference
    assert {row[-2] for row in rows(found)} == {"not judged"}
    assert "2 variants measured, none judged yet" in page(found)


def test_with_compile_alone() -> None:
    found = collect("nlp/tiny", [manifests()[1]])
    assert rows(found)[0][2:7] == ("–", "–", "–", "–", "–")
    assert "Side by side" in page(found)


def test_the_later_of_two_holds() -> None:
    older = a_manifest(Stage.COMPILE, "fp32", finished=0.5, parameters={"precision": "bf16"})
    found = collect("nlp/tiny", [*manifests(), older])
    assert found.variants[0].compiled == "fp32"


def test_nothing_at_all() -> None:
    found = collect("nlp/tiny", [])
    assert rows(found) == ()
    assert "0 variants measured" in page(found)


def test_names_are_escaped() -> None:
    assert "<script>" not in page(collect("<script>alert(1)</script>", manifests()))
