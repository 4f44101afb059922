"""Decisions as stories: what the operator does next, and what it reports."""


def test_every_stage_runs_once_and_the_model_is_promoted(cluster) -> None:
    assert cluster.run() == [
        "prepare",
        "finetune",
        "export",
        "compile/reference",
        "compile/int8",
        "infer/reference",
        "infer/int8",
        "evaluate/reference",
        "evaluate/int8",
        "promote",
    ]
    assert set(cluster.runs.values()) == {1}
    assert cluster.condition("Ready") == ("True", "Promoted")
    assert cluster.condition("Available") == ("True", "Promoted")
    assert (cluster.status.variant, cluster.status.f1) == ("int8", 0.9)


def test_at_rest_nothing_is_written(cluster) -> None:
    cluster.run()
    decision = cluster.decide()
    assert decision.status == cluster.status
    assert not decision.create
    assert not decision.delete
    assert not decision.events
    assert decision.requeue_after is None
