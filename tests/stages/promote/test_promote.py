"""Promotions as stories: what is judged, what moves, and what a second look finds."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from ner_jobs.promotion.pointer import Action, Promotion, move_pointer, promoted, read_pointer, rolled_back
from ner_jobs.promotion.verdict import Outcome, Verdict
from ner_jobs.stages import promote
from ner_jobs.stages.base import StageResult
from ner_jobs.store import artifacts
from ner_jobs.task import InputReference, PermanentError, RetryableError, Stage
from ner_jobs.task.promote_headline import PromoteHeadline


def verdict_of(result: StageResult, output: Path) -> Verdict:
    verdict = Verdict.model_validate_json((output / "verdict/verdict.json").read_bytes())
    assert verdict == Verdict.model_validate(result.metrics)
    return verdict


def test_the_first_promotion(world: Any) -> None:
    task = world.task({"int8": "int8", "fp32": "fp32"})
    result, output = world.run(task)
    verdict = verdict_of(result, output)
    assert result.headline["verdict"] == "Promoted"
    assert (result.headline["variant"], result.headline["generation"]) == ("int8", 1)
    assert result.headline["drop"] == 0.0
    assert [finding.reason for finding in verdict.variants[0].findings] == [
        "Passed",
        "Passed",
        "NotApplicable",
    ]
    pointer = world.pointer()
    assert (pointer.variant, pointer.revision, pointer.generation) == ("int8", "r1", 1)
    assert (pointer.compile_key, pointer.evaluation_key) == (world.key("int8"), world.key("int8"))
    assert pointer.promote_key == task.key
    assert pointer.test_digest == world.data.outputs["test"]
    stored = artifacts.read_manifest(world.store, "compile", world.key("int8"))
    assert stored is not None
    assert pointer.manifest_digest == stored[1]


def test_the_promoted_model_is_a_plain_folder_with_a_card(world: Any) -> None:
    _, output = world.run(world.task({"int8": "int8", "fp32": "fp32"}))
    assert (output / "model/config.json").read_text() == "{}"
    card = (output / "model/README.md").read_text("utf-8")
    _, front, text = card.split("---\n", 2)
    matter = yaml.safe_load(front)
    assert matter["pipeline_tag"] == "token-classification"
    assert matter["language"] == ["zh"]
    assert matter["base_model"] == "org/base"
    metrics = matter["model-index"][0]["results"][0]["metrics"]
    assert metrics[0]["type"] == "f1"
    assert metrics[0]["value"] == pytest.approx(0.995, abs=1e-3)
    for words in (
        "## Intended use",
        "| int8 (promoted) |",
        "| fp32 (reference) |",
        "epochs: `3`",
        "`r1`",
        "LOC",
    ):
        assert words in text


def test_each_variant_is_judged_alone_and_the_first_that_passes_is_taken(world: Any) -> None:
    world.candidate("collapsed", wrong=300)
    result, output = world.run(world.task({"int8": "collapsed", "fp32": "fp32"}))
    verdict = verdict_of(result, output)
    assert (verdict.variant, verdict.outcome) == ("fp32", Outcome.PROMOTED)
    refused = verdict.variants[0]
    assert refused.reason == "BelowMinimum"
    assert len(refused.findings) == 3
    assert refused.findings[1].reason == "DropTooLarge"


def test_a_refusal_is_a_result_and_moves_nothing(world: Any) -> None:
    world.run(world.task({"int8": "int8", "fp32": "fp32"}))
    before = world.pointer()
    world.candidate("collapsed", wrong=300)
    result, output = world.run(
        world.task({"int8": "collapsed", "fp32": "fp32"}, revision="r2", preference=["int8"])
    )
    verdict = verdict_of(result, output)
    assert (verdict.outcome, verdict.variant, verdict.generation) == (Outcome.REFUSED, None, 1)
    assert "stays in service" in verdict.message
    assert "int8: Failed, BelowMinimum: " in verdict.message
    assert world.pointer() == before
    assert not (output / "model").exists()


def test_worse_than_what_serves_is_refused(world: Any) -> None:
    world.run(world.task({"int8": "int8", "fp32": "fp32"}))
    world.candidate("worse", wrong=20)
    result, output = world.run(world.task({"fp32": "worse"}, revision="r2"))
    (judged,) = verdict_of(result, output).variants
    assert [finding.reason for finding in judged.findings] == ["Passed", "Passed", "DropTooLarge"]
    assert "below the current" in judged.message


def test_a_better_revision_takes_its_place(world: Any) -> None:
    world.run(world.task({"int8": "int8", "fp32": "fp32"}))
    world.candidate("better", wrong=0)
    result, _ = world.run(world.task({"fp32": "better"}, revision="r2"))
    assert (result.headline["verdict"], result.headline["generation"]) == ("Promoted", 2)
    assert [former.revision for former in world.pointer().history] == ["r1"]


def test_what_is_in_service_already_is_left_alone(world: Any) -> None:
    world.run(world.task({"int8": "int8", "fp32": "fp32"}))
    result, output = world.run(world.task({"int8": "int8", "fp32": "fp32"}))
    assert (result.headline["verdict"], result.headline["generation"]) == ("AlreadyCurrent", 1)
    assert "nothing to do" in verdict_of(result, output).message
    assert not (output / "model").exists()


def test_manual_judges_and_waits(world: Any) -> None:
    result, output = world.run(world.task({"int8": "int8", "fp32": "fp32"}, mode="Manual"))
    assert (result.headline["verdict"], result.headline["variant"]) == ("AwaitingApproval", "int8")
    assert "nerd promote" in verdict_of(result, output).message
    assert read_pointer(world.store, world.owner) is None


def test_the_same_attempt_again_finds_its_own_move(world: Any) -> None:
    """Killed after the move and before the manifest: the same task leaves the same verdict."""
    task = world.task({"int8": "int8", "fp32": "fp32"})
    first, _ = world.run(task)
    second, output = world.run(task)
    assert second.headline == first.headline
    assert (output / "model/README.md").is_file()
    assert (world.pointer().generation, world.pointer().history) == (1, ())


def test_a_pointer_that_has_moved_since_is_no_ground_to_judge_on(world: Any) -> None:
    stale = world.task({"int8": "int8", "fp32": "fp32"}, revision="r2")
    world.run(world.task({"int8": "int8", "fp32": "fp32"}))
    with pytest.raises(RetryableError, match="generation 0 to 1") as moved:
        world.run(stale)
    told = PromoteHeadline.read(moved.value.headline)
    assert told is not None
    assert (told.generation, told.current_revision, told.current_variant) == (1, "r1", "int8")
    assert told.compile_key == world.key("int8")


def test_a_pointer_that_moves_during_the_judgement_is_not_overrun(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = world.task({"int8": "int8", "fp32": "fp32"})
    rival = world.task({"fp32": "fp32"}, revision="r9")

    def between(*arguments: Any) -> None:
        monkeypatch.undo()
        world.run(rival)

    monkeypatch.setattr(promote, "_write_model", between)
    with pytest.raises(RetryableError, match="moved by somebody else"):
        world.run(task)
    assert world.pointer().revision == "r9"


def test_a_revision_that_was_rolled_back_is_held(world: Any) -> None:
    world.run(world.task({"int8": "int8", "fp32": "fp32"}))
    world.candidate("better", wrong=0)
    world.run(world.task({"fp32": "better"}, revision="r2"))
    current = world.pointer()
    assert move_pointer(world.store, rolled_back(current, 5.0, "mei"), current)
    result, output = world.run(world.task({"fp32": "better"}, revision="r2"))
    assert result.headline["verdict"] == "Refused"
    assert verdict_of(result, output).variants[0].reason == "RolledBack"
    again, _ = world.run(world.task({"fp32": "better"}, revision="r2", releaseHeld=True))
    assert again.headline["verdict"] == "Promoted"


@pytest.mark.parametrize(("allowed", "verdict"), [(False, "Refused"), (True, "Promoted")])
def test_emulated_is_promoted_only_where_the_spec_allows_it(world: Any, allowed: bool, verdict: str) -> None:
    world.candidate("stand-in", wrong=0, emulated=True)
    result, _ = world.run(world.task({"fp32": "stand-in"}, allowEmulated=allowed))
    assert result.headline["verdict"] == verdict


def test_a_type_that_is_too_rare_refuses(world: Any) -> None:
    gates = [{"metric": "f1", "entityType": "ORG", "min": 0.1}]
    result, output = world.run(world.task({"fp32": "fp32"}, gates=gates))
    judged = verdict_of(result, output).variants[0]
    assert (judged.outcome, judged.reason) == ("Error", "NothingToFind")


def test_a_perfect_model_on_few_sentences_is_not_shown_to_be_good(tmp_path: Path, world_of: Any) -> None:
    world = world_of(tmp_path, size=5)
    world.candidate("perfect", wrong=0)
    gates = [{"metric": "f1", "min": 0.99, "confidence": 0.95}]
    result, output = world.run(world.task({"fp32": "perfect"}, gates=gates))
    judged = verdict_of(result, output).variants[0]
    assert (result.headline["verdict"], judged.outcome) == ("Refused", "Error")
    assert "10 entities, fewer than 100" in judged.message


def test_gates_on_speed_and_size_judge_what_benchmark_and_compile_measured(world: Any) -> None:
    world.publish(
        Stage.BENCHMARK,
        "speed",
        lambda folder: (
            (folder / "benchmark").mkdir() or (folder / "benchmark/benchmark.json").write_text("{}")
        ),
        metrics={"sentencesPerSecond": 90.0, "latencyMs": {"p50": 8.0, "p99": 19.0}},
    )
    gates = [{"metric": "p99Ms", "max": 20}, {"metric": "sentencesPerSecond", "min": 100}]
    task = world.task({"fp32": "fp32", "int8": "int8"}, gates=gates)
    measured = InputReference(stage="benchmark", key=world.key("speed"), output="benchmark")
    task = task.model_copy(update={"inputs": {**task.inputs, "benchmark.fp32": measured}})
    fp32, int8 = verdict_of(*world.run(task)).variants
    assert [finding.outcome for finding in fp32.findings] == ["Successful", "Failed"]
    assert [finding.reason for finding in int8.findings] == ["NotBenchmarked", "NotBenchmarked"]


def test_a_test_set_without_an_entity_has_nothing_to_find(tmp_path: Path, world_of: Any) -> None:
    world = world_of(tmp_path, tags=("O", "O"))
    world.candidate("silent", wrong=0)
    result, output = world.run(world.task({"fp32": "silent"}, gates=[{"metric": "f1", "min": 0.85}]))
    judged = verdict_of(result, output).variants[0]
    assert (judged.outcome, judged.reason) == ("Error", "NothingToFind")
    assert "there is nothing to find" in judged.message
    assert "train longer" not in judged.message


def test_it_says_how_many_candidates_the_snapshot_has_judged(world: Any) -> None:
    world.candidate("other", wrong=9)
    result, output = world.run(world.task({"fp32": "fp32"}))
    assert verdict_of(result, output).judged == 3


def test_a_variant_that_was_not_evaluated_is_named(world: Any) -> None:
    with pytest.raises(PermanentError, match=r"names va16, which was not evaluated; there are fp32"):
        world.run(world.task({"fp32": "fp32"}, preference=["va16"]))


def test_a_gate_that_cannot_be_asked_is_named(world: Any) -> None:
    gates = [{"metric": "accuracy", "entityType": "ORG", "min": 0.1}]
    with pytest.raises(PermanentError, match=r"gates\[0\]: accuracy is measured over all tokens"):
        world.run(world.task({"fp32": "fp32"}, gates=gates))


def test_a_current_model_that_was_measured_on_other_data_is_inferred_on_this_first(
    tmp_path: Path, compiled_letters: Path, world_of: Any
) -> None:
    """The model in service reads d as a LOC and b as a PER: it is right on every sentence here."""
    world = world_of(tmp_path, tokens=("d", "b"))
    world.publish(
        Stage.COMPILE,
        "letters",
        lambda folder: shutil.copytree(compiled_letters, folder / "compiled"),
        variant="int8",
    )
    elsewhere = Promotion(
        generation=0,
        revision="r0",
        variant="int8",
        compile_key=world.key("letters"),
        manifest_digest="0" * 64,
        evaluation_key=world.key("an evaluation of other data"),
        test_digest="another snapshot",
        promoted_at=1.0,
        by="promote",
        action=Action.PROMOTE,
    )
    assert move_pointer(world.store, promoted(None, elsewhere, world.owner), None)
    world.candidate("worse", wrong=20)
    result, output = world.run(world.task({"fp32": "worse"}))
    assert result.headline["verdict"] == "Refused"
    against_current = verdict_of(result, output).variants[0].findings[2]
    assert against_current.reason == "DropTooLarge"
    assert against_current.value == pytest.approx(100 * (1 - 1160 / 1180), abs=0.01)
    assert any("measured on other data" in line for line in world.logged)
