"""The search over recipes: first in order that is shown to lose little; errors and collapses are verdicts."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from ner_jobs.corpus.sentence import Sentence
from ner_jobs.engines.base import FloatArray, IntArray, Recipe
from ner_jobs.models.folder import ModelFolder
from ner_jobs.quantization.search import Search
from ner_jobs.quantization.tried_recipe import TriedRecipe, closest
from ner_jobs.quantization.validation import ValidationSet
from ner_jobs.scoring.decoding import Decoder
from ner_jobs.task import PermanentError
from ner_jobs.task.parameters import QuantizationParameters

LABELS = ("O", "B-LOC", "I-LOC")
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "o", "b", "i"]
TAG_OF_ID = {4: 0, 5: 1, 6: 2}


class LetterSession:
    """Reads the tag off the letter, unless told to forget a share of the entities."""

    fixed_length = None
    length_step = 1
    effective_precision = "int8"
    products: Mapping[str, int] = {"MatMul": 12, "DynamicQuantizeMatMul": 8}

    def __init__(self, forgets_every: int, weights: Mapping[str, int]) -> None:
        self.weights = weights
        self._forgets_every = forgets_every
        self._seen = 0

    def run(self, input_ids: IntArray, attention_mask: IntArray) -> FloatArray:
        logits = np.zeros((*input_ids.shape, len(LABELS)), np.float32)
        for row, ids in enumerate(input_ids):
            self._seen += 1
            forgets = self._forgets_every and self._seen % self._forgets_every == 0
            for at, number in enumerate(ids):
                logits[row, at, 0 if forgets else TAG_OF_ID.get(int(number), 0)] = 9
        return logits


class LetterBackend:
    """A backend whose recipes forget what their name says: `every-3`, `every-0`, `broken`, `impossible`.

    `mostly-fp32` forgets nothing, and leaves most weights in floats.
    """

    name = "letters"

    def recipes(self, precision: str) -> Sequence[Recipe]:
        return (Recipe("every-0", precision, ""),)

    def unsupported(self, recipe: Recipe) -> str:
        return "this machine forgets nothing" if recipe.name == "impossible" else ""

    def required_features(self, recipe: Recipe) -> tuple[str, ...]:
        return ()

    def compile(
        self,
        exported: Path,
        recipe: Recipe,
        calibration: Sequence[IntArray],
        target: Path,
        options: Mapping[str, str],
    ) -> None:
        if recipe.name == "broken":
            raise PermanentError("the engine has no such operator")
        name = "every-0" if recipe.name == "mostly-fp32" else recipe.name
        (target / "model").write_text(name.removeprefix("every-"))
        (target / "int8").write_text("49" if recipe.name == "mostly-fp32" else "50")

    def load(self, folder: Path, threads: int = 1) -> LetterSession:
        int8 = int((folder / "int8").read_text())
        return LetterSession(int((folder / "model").read_text()), {"int8": int8, "fp32": 100 - int8})

    def versions(self) -> dict[str, str]:
        return {}


@pytest.fixture
def search(tmp_path: Path) -> Callable[[float], Search]:
    tokenizer = Tokenizer(models.WordLevel({token: at for at, token in enumerate(VOCABULARY)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    sentence = ("o", "b", "i", "o"), ("O", "B-LOC", "I-LOC", "O")
    encoder = ModelFolder(tmp_path).encoder(16, "characters")
    validation = [Sentence(f"v:{at}", *sentence) for at in range(300)]

    def make(max_drop: float) -> Search:
        return Search(
            backend=LetterBackend(),
            exported=tmp_path,
            calibration=[window.input_ids for window in encoder.encode(validation[0]).windows],
            validation=ValidationSet(validation, encoder, Decoder(LABELS, "constrained"), padding=0),
            quantization=QuantizationParameters(max_drop=max_drop),
            options={},
            threads=1,
            log=lambda line: None,
            progress=lambda done, total, what: None,
        )

    return make


def tried(search: Search, name: str, folder: Path) -> TriedRecipe:
    reference = search.measure_reference(folder / "reference")
    return search.try_recipe(Recipe(name, "int8", ""), reference, folder / "target")


@pytest.mark.parametrize(
    ("recipe", "max_drop", "passed", "words"),
    [
        pytest.param("every-0", 1.1, True, "0.00 points below", id="the same predictions pass"),
        pytest.param(
            "every-0", 0.9, False, "0.00 points below", id="300 sentences show no drop below one point"
        ),
        pytest.param("every-2", 0.5, False, "above the 0.5 points", id="a collapse is refused"),
        pytest.param("every-100", 0.6, False, "above", id="a drop not shown to be small is refused"),
        pytest.param("every-100", 5.0, True, "within", id="the same drop passes where more is allowed"),
        pytest.param("broken", 5.0, False, "no such operator", id="an error is a verdict, not the end"),
        pytest.param(
            "impossible", 5.0, False, "this machine forgets nothing", id="what cannot run is skipped"
        ),
    ],
)
def test_a_recipe_is_judged_by_the_bound_of_its_drop(
    search: Callable[[float], Search], tmp_path: Path, recipe: str, max_drop: float, passed: bool, words: str
) -> None:
    row = tried(search(max_drop), recipe, tmp_path)
    assert (row.verdict == "passed") is passed
    assert words in row.why
    verdict = {"broken": "failed", "impossible": "skipped"}.get(recipe, "passed" if passed else "refused")
    assert row.as_json()["verdict"] == verdict


def test_a_recipe_that_leaves_most_weights_in_floats_has_failed(
    search: Callable[[float], Search], tmp_path: Path
) -> None:
    row = tried(search(5.0), "mostly-fp32", tmp_path)
    assert row.verdict == "failed"
    assert (
        row.why
        == row.error
        == (
            "only 49% of the weights are multiplied in int8, and int8 needs 50% "
            "(products that run: 12 MatMul, 8 DynamicQuantizeMatMul)"
        )
    )
    assert row.as_json()["int8Share"] == 0.49
    assert tried(search(5.0), "every-0", tmp_path).as_json()["int8Share"] == 0.5


def test_the_closest_is_named_with_its_figures(search: Callable[[float], Search], tmp_path: Path) -> None:
    rows = [tried(search(0.0), name, tmp_path) for name in ("broken", "every-2", "every-100")]
    assert closest(rows).startswith("the closest, every-100:")
    assert "no such operator" in closest(rows[:1])


def test_a_search_over_more_recipes_asks_for_more_of_each(
    search: Callable[[float], Search], tmp_path: Path
) -> None:
    """300 sentences without a difference: at most 1.00 points for one recipe, ln(3 * 20) / 300 for three."""
    candidates = [Recipe(name, "int8", "") for name in ("impossible", "every-2", "every-3", "every-0")]
    with pytest.raises(PermanentError, match=r"every-0.*at most 1\.36 with 95% confidence in all 3 recipes"):
        search(1.1).run(candidates, None, tmp_path / "target")
    recipe, rows = search(1.4).run(candidates, None, tmp_path / "target")
    assert recipe.name == "every-0"
    assert [row.verdict for row in rows] == ["skipped", "refused", "refused", "passed"]
    alone, _ = search(1.1).run(candidates[-1:], None, tmp_path / "target")
    assert alone.name == "every-0"
