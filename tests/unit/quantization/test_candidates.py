"""Which recipes are tried: all that are searched, or the named one; and what a backend does not have."""

import pytest

from ner_jobs.engines.registry import backend
from ner_jobs.quantization.candidates import candidates_of, fallback_of, recipes_of
from ner_jobs.task import ExitCode, PermanentError

ENGINE = backend("onnxruntime")


def test_the_search_tries_all_but_the_naive_recipe_in_the_backends_order() -> None:
    expected = [recipe.name for recipe in ENGINE.recipes("int8") if recipe.name != "naive"]
    assert [recipe.name for recipe in candidates_of(ENGINE, None)] == expected


def test_a_named_recipe_is_the_only_candidate_even_if_it_is_not_searched() -> None:
    assert [recipe.name for recipe in candidates_of(ENGINE, "naive")] == ["naive"]


def test_a_fallback_is_the_first_recipe_of_its_precision() -> None:
    assert fallback_of(ENGINE, None) is None
    assert fallback_of(ENGINE, "fp32") == ENGINE.recipes("fp32")[0]


@pytest.mark.parametrize(
    ("choose", "wanted", "words"),
    [
        pytest.param(recipes_of, "bf16", "has no bf16; it has fp32, int8", id="no such precision"),
        pytest.param(candidates_of, "magic", "no recipe 'magic'; it has dynamic-per", id="no such recipe"),
        pytest.param(fallback_of, "int8", "fallback is int8; .* has fp32$", id="int8 is no fallback"),
    ],
)
def test_what_a_backend_does_not_have_is_refused(choose: object, wanted: str, words: str) -> None:
    assert callable(choose)
    with pytest.raises(PermanentError, match=words) as refusal:
        choose(ENGINE, wanted)
    assert refusal.value.code is ExitCode.USAGE
