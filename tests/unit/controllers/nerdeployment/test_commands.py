"""Commands by annotation, as stories: each is carried out once."""

from dataclasses import replace

import pytest

from ner_operator.planning.graph import COMMAND


class TestRerun:
    def test_a_token_runs_the_stage_and_what_depends_on_it(self, cluster) -> None:
        cluster.run()
        cluster.annotations = {"nerd.dev/rerun": "evaluate=again"}
        assert cluster.run() == ["evaluate/reference", "evaluate/int8", "promote"]
        assert cluster.status.rerun == {"evaluate": "again"}

    def test_removing_the_annotation_changes_nothing(self, cluster) -> None:
        cluster.run()
        cluster.annotations = {"nerd.dev/rerun": "evaluate=again"}
        cluster.run()
        cluster.annotations = {}
        assert cluster.run() == []

    def test_tokens_add_up(self, cluster) -> None:
        cluster.run()
        cluster.annotations = {"nerd.dev/rerun": "evaluate/int8=a"}
        cluster.run()
        cluster.annotations = {"nerd.dev/rerun": "infer/reference=b"}
        cluster.run()
        assert cluster.status.rerun == {"evaluate/int8": "a", "infer/reference": "b"}

    def test_a_token_is_kept_before_the_work_is_done(self, cluster) -> None:
        cluster.run()
        cluster.annotations = {"nerd.dev/rerun": "finetune=again"}
        cluster.step()
        cluster.annotations = {}
        assert cluster.run()[0] == "finetune"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            pytest.param("finetune", "write STAGE=TOKEN", id="no token"),
            pytest.param("compile/nothing=a", "there is no stage compile/nothing", id="no such variant"),
        ],
    )
    def test_an_invalid_command_is_reported_once(self, cluster, text: str, message: str) -> None:
        cluster.run()
        cluster.annotations = {"nerd.dev/rerun": text}
        events = cluster.step().events
        assert [each.reason for each in events] == ["CommandRefused"]
        assert message in events[0].message
        assert not cluster.step().events
        assert cluster.condition("Ready") == ("True", "Promoted")

    def test_a_token_of_a_removed_variant_is_removed(self, cluster) -> None:
        cluster.run()
        cluster.annotations = {"nerd.dev/rerun": "compile/int8=a"}
        cluster.run()
        cluster.change(variants=[cluster.spec["variants"][0]])
        cluster.run()
        assert cluster.status.rerun == {}


class TestPromote:
    def test_approval_moves_the_pointer(self, cluster) -> None:
        cluster.verdict = lambda task: "AwaitingApproval"
        cluster.run()
        cluster.annotations = {"nerd.dev/promote": "*@yes"}
        assert cluster.run() == [COMMAND]
        assert cluster.condition("Ready") == ("True", "Promoted")
        assert cluster.status.promotion.manual
        assert cluster.status.last_handled_commands.promote == "*@yes"

    def test_a_variant_by_name(self, cluster) -> None:
        cluster.run()
        cluster.annotations = {"nerd.dev/promote": "reference@yes"}
        cluster.run()
        assert cluster.status.variant == "reference"
        assert cluster.status.promotion.generation == 2
        assert cluster.condition("Ready") == ("True", "Promoted")

    def test_the_same_annotation_is_carried_out_once(self, cluster) -> None:
        cluster.run()
        cluster.annotations = {"nerd.dev/promote": "reference@yes"}
        cluster.run()
        cluster.jobs.clear()
        assert cluster.run() == []
        cluster.annotations = {}
        assert cluster.run() == []
        cluster.annotations = {"nerd.dev/promote": "reference@yes"}
        assert cluster.run() == []
        assert cluster.pointer.generation == 2

    def test_it_waits_for_the_verdict(self, cluster) -> None:
        cluster.annotations = {"nerd.dev/promote": "reference@yes"}
        ended = cluster.run()
        assert ended[-2:] == ["promote", COMMAND]
        assert cluster.status.variant == "reference"

    def test_a_termination_message_lost_after_the_move_runs_the_command_again(self, cluster) -> None:
        cluster.run()
        cluster.annotations = {"nerd.dev/promote": "reference@yes"}
        cluster.step()
        cluster.finish(COMMAND)
        cluster.end(COMMAND, None)
        cluster.run()
        assert cluster.pointer.generation == 2
        assert cluster.status.promotion.generation == 2
        assert cluster.status.last_handled_commands.promote == "reference@yes"

    def test_a_command_that_fails_permanently_is_reported_and_handled(self, cluster) -> None:
        cluster.run()
        cluster.annotations = {"nerd.dev/promote": "nothing@yes"}
        cluster.step()
        cluster.fail(COMMAND, 64, "there is no variant nothing")
        decision = cluster.step()
        assert decision.events[0].reason == "CommandRefused"
        assert "there is no variant nothing" in decision.events[0].message
        assert cluster.stage(COMMAND).state == "Failed"
        assert cluster.status.last_handled_commands.promote == "nothing@yes"
        assert cluster.condition("Ready") == ("True", "Promoted")
        assert cluster.run() == []

    def test_a_withdrawn_command_stops_its_job(self, cluster) -> None:
        cluster.run()
        cluster.annotations = {"nerd.dev/promote": "reference@yes"}
        cluster.step()
        cluster.annotations = {}
        decision = cluster.step()
        assert [job.step for job in decision.delete] == [COMMAND]
        assert cluster.status.stage(COMMAND) is None
        assert cluster.run() == []

    def test_a_verdict_without_the_pointer_is_verified(self, cluster) -> None:
        cluster.run_until("promote")
        cluster.finish("promote")
        cluster.end("promote", replace(cluster.job("promote").termination_message, headline={}))
        cluster.step()
        assert cluster.stage("promote").reason == "TerminationMessageLost"
        cluster.run()
        assert cluster.condition("Ready") == ("True", "Promoted")

    def test_a_garbled_command_is_reported_once(self, cluster) -> None:
        cluster.run()
        cluster.annotations = {"nerd.dev/promote": "int8"}
        assert [each.reason for each in cluster.step().events] == ["CommandRefused"]
        assert not cluster.step().events
        assert not cluster.working()


class TestRollback:
    def test_it_waits_neither_for_a_runtime_nor_for_suspended_work(self, cluster) -> None:
        cluster.run()
        cluster.change(finetune={"epochs": 5}, suspend=True)
        cluster.step()
        cluster.settings = replace(cluster.settings, runtimes={})
        cluster.annotations = {"nerd.dev/rollback": "previous@back"}
        assert cluster.run() == [COMMAND]
        assert cluster.status.promotion.generation == 2
        assert cluster.condition("Ready") == ("False", "Suspended")

    def test_it_moves_the_pointer_and_the_revision_is_held(self, cluster) -> None:
        cluster.run()
        revision = cluster.status.promotion.revision
        cluster.annotations = {"nerd.dev/rollback": "previous@back"}
        assert cluster.run() == [COMMAND]
        assert cluster.status.promotion.held == (revision,)
        assert cluster.status.promotion.generation == 2
        assert cluster.condition("Ready") == ("True", "Held")
        assert "was rolled back and is held" in cluster.status.condition("Ready").message

    def test_two_commands_are_carried_out_one_after_the_other(self, cluster) -> None:
        cluster.run()
        cluster.annotations = {"nerd.dev/rollback": "previous@a", "nerd.dev/promote": "reference@b"}
        assert cluster.run() == [COMMAND, COMMAND]
        assert cluster.status.variant == "reference"
        assert cluster.status.promotion.generation == 3

    def test_a_new_verdict_may_promote_a_rolled_back_revision(self, cluster) -> None:
        cluster.run()
        cluster.annotations = {"nerd.dev/rollback": "previous@back"}
        cluster.run()
        cluster.annotations = {"nerd.dev/rerun": "promote=again"}
        assert cluster.run() == ["promote"]
        assert cluster.status.promotion_requested_generation == 2
        assert cluster.condition("Ready") == ("True", "Promoted")


def test_a_pointer_that_somebody_else_moved_is_found(cluster) -> None:
    cluster.run()
    cluster.pointer = cluster.pointer.model_copy(
        update={"generation": 7, "current_revision": "e" * 64, "compile_key": "c" * 64, "promote_key": ""}
    )
    cluster.change(finetune={"epochs": 5})
    cluster.run()
    assert cluster.status.promotion.generation == 8
    assert cluster.condition("Ready") == ("True", "Promoted")


def test_a_pointer_that_vanished_starts_again(cluster) -> None:
    cluster.run()
    cluster.pointer = type(cluster.pointer)()
    cluster.change(finetune={"epochs": 5})
    cluster.run()
    assert cluster.status.promotion.generation == 1
    assert cluster.condition("Ready") == ("True", "Promoted")
