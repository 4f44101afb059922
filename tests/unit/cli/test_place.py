"""Which place the common options name, and what both places share."""

import pytest

from ner_jobs.promotion.pointer import Action, Promotion, promoted, rolled_back
from ner_jobs.task import ExitCode, Owner, PermanentError
from ner_operator.cli.cluster.kubectl import Kubectl
from ner_operator.cli.cluster.place import Cluster
from ner_operator.cli.place import in_service, new_token, open_place, position_of, require_variant

OWNER = Owner(namespace="nlp", name="tiny")


@pytest.mark.parametrize(
    ("target", "file", "sentence"),
    [
        pytest.param(None, None, "give -f FILE or NAME", id="neither a NAME nor a file"),
        pytest.param("tiny", "tiny.yaml", "exclude each other", id="both"),
    ],
)
def test_one_place_has_to_be_named(target: str | None, file: str | None, sentence: str) -> None:
    with pytest.raises(PermanentError, match=sentence) as wrong:
        open_place(target, file, [], None, None, None, None, None)
    assert wrong.value.code == ExitCode.USAGE


def test_a_name_is_one_of_the_cluster() -> None:
    place = open_place("tiny", None, [], "store", None, "nlp", "here", "config", "http://s3")
    assert place == Cluster(Kubectl("nlp", "here", "config"), "tiny", "store", "http://s3")
    assert not place.has_keys


def test_a_revision_is_no_target_of_a_rollback_in_the_cluster() -> None:
    place = open_place("tiny", None, [], None, None, None, None, None)
    with pytest.raises(PermanentError, match="nerd history tiny shows generations") as wrong:
        place.rollback("abc", None, "")
    assert wrong.value.code == ExitCode.USAGE


def test_an_unknown_variant_is_refused_with_those_that_there_are() -> None:
    require_variant(None, [])
    require_variant("int8", ["fp32", "int8"])
    with pytest.raises(PermanentError, match="no variant va16; there are fp32, int8"):
        require_variant("va16", ["fp32", "int8"])


def test_a_moved_pointer_says_what_is_in_service_and_what_is_held() -> None:
    first, second = (
        Promotion(
            generation=0,
            revision=letter * 64,
            variant="int8",
            compile_key="k",
            manifest_digest="m",
            promoted_at=1.0,
            by="promote",
            action=Action.PROMOTE,
        )
        for letter in "ab"
    )
    pointer = rolled_back(promoted(promoted(None, first, OWNER), second, OWNER), 2.0, "mei")
    assert in_service(None) == "nothing"
    assert in_service(pointer) == "variant int8 of revision aaaaaaaaaaaa, generation 3"
    result = position_of(pointer)
    assert result.lines == (
        "in service: variant int8 of revision aaaaaaaaaaaa, generation 3",
        "held: revision bbbbbbbbbbbb is not promoted again by itself",
    )
    assert (result.document["generation"], result.document["by"]) == (3, "mei")


def test_no_two_tokens_are_equal() -> None:
    assert len({new_token() for _ in range(100)}) == 100
