"""The search for an int8 recipe: the first that passes.

Recipes are tried in the backend's order, the expected fastest first. The first
that passes is taken: no recipe is chosen for its score, so the score of the
chosen one is not the best of many draws.
"""

import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ner_jobs.engines.base import Backend, IntArray, Recipe, Session, int8_share
from ner_jobs.quantization.tried_recipe import TriedRecipe, closest, failed, judge, skipped, too_little_int8
from ner_jobs.quantization.validation import Measurement, ValidationSet
from ner_jobs.task import ExitCode, PermanentError, StageError
from ner_jobs.task.parameters import QuantizationParameters

NO_FALLBACK = "Allow more (quantization.maxDrop), give a quantization.fallback, or another runtime"


@dataclass(frozen=True, slots=True)
class Search:
    """The inputs of a search.

    Attributes:
        exported: the exported model.
        calibration: windows for the backend.
        validation: on which recipes are judged.
        options: of the variant, for the backend.
        threads: of each session.
        stopping: set by SIGTERM.
    """

    backend: Backend
    exported: Path
    calibration: Sequence[IntArray]
    validation: ValidationSet
    quantization: QuantizationParameters
    options: Mapping[str, str]
    threads: int
    log: Callable[[str], None]
    progress: Callable[[float, float, str], None]
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(
        self, candidates: Sequence[Recipe], fallback: Recipe | None, target: Path
    ) -> tuple[Recipe, list[TriedRecipe]]:
        """Compile the first candidate that passes, or else the fallback.

        A recipe that the spec names is taken whether it passes or not: its user wants to see it, and the
        gates judge it later.

        Args:
            candidates: int8 recipes in the order in which they are tried.
            fallback: a recipe of another precision, or None.
            target: the folder of the compiled form.

        Returns:
            The recipe that was compiled, and the result of each that was tried.

        Raises:
            PermanentError: no candidate passes, and there is no fallback that runs here.
            StageError: SIGTERM came.
        """
        unsupported = self.backend.unsupported(fallback) if fallback else ""
        if fallback and unsupported:
            self.log(f"quantization.fallback is {fallback.precision}, and cannot be taken: {unsupported}")
        reference = self.measure_reference(target)
        tried: list[TriedRecipe] = []
        recipes = sum(not self.backend.unsupported(recipe) for recipe in candidates)
        for at, recipe in enumerate(candidates):
            self.progress(at, len(candidates), f"recipes tried; now {recipe.name}")
            row = self.try_recipe(recipe, reference, target, recipes)
            tried.append(row)
            if row.verdict == "passed" or (self.quantization.recipe is not None and row.f1 is not None):
                return recipe, tried
        if fallback is None or unsupported:
            remedy = (
                f"quantization.fallback is {fallback.precision}, and {unsupported}"
                if fallback
                else NO_FALLBACK
            )
            raise PermanentError(
                f"no int8 recipe of {self.backend.name} loses at most {self.quantization.max_drop:g} points; "
                f"{closest(tried)}. {remedy}",
                ExitCode.SOFTWARE,
            )
        self.log(
            f"no int8 recipe passed ({closest(tried)}); compiling {fallback.precision} instead, as "
            "quantization.fallback says"
        )
        self._compile(fallback, target)
        return fallback, tried

    def measure_reference(self, scratch: Path) -> Measurement:
        """Measure the backend's own fp32 on validation.

        Args:
            scratch: a folder for its compiled form.
        """
        self._compile(self.backend.recipes("fp32")[0], scratch)
        measured = self._measure(self.backend.load(scratch, self.threads), "fp32")
        self.log(
            f"fp32: F1 {measured.f1:.4f} on {len(self.validation)} validation sentences, "
            f"{measured.sentences_per_second:.0f} sentences/s"
        )
        return measured

    def try_recipe(
        self, recipe: Recipe, reference: Measurement, target: Path, recipes: int = 1
    ) -> TriedRecipe:
        """Compile a recipe, measure it and judge it. An error of the engine is a verdict too.

        Args:
            recipe: to try.
            reference: fp32, measured.
            target: the folder of the compiled form.
            recipes: how many recipes the search may try.
        """
        if unsupported := self.backend.unsupported(recipe):
            self.log(f"{recipe.name}: skipped: {unsupported}")
            return skipped(recipe, unsupported)
        try:
            self._compile(recipe, target)
            session = self.backend.load(target, self.threads)
            if (row := too_little_int8(recipe, session)) is not None:
                self.log(f"{recipe.name}: {row.why}")
                return row
            measured = self._measure(session, recipe.name)
        except (OSError, MemoryError):
            # A full disk or memory says nothing about the recipe.
            raise
        except Exception as error:
            # Engines raise errors of any type. Each is a row of the table, not the end of the search.
            if isinstance(error, StageError) and not isinstance(error, PermanentError):
                raise
            text = " ".join(str(error).split()) or type(error).__name__
            self.log(f"{recipe.name}: it cannot be compiled or run: {text}")
            return failed(recipe, text)
        size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
        row = replace(
            judge(recipe, measured, reference, size, self.quantization, recipes),
            int8_share=int8_share(session.weights),
        )
        self.log(f"{recipe.name}: {row.why}")
        return row

    def _compile(self, recipe: Recipe, target: Path) -> None:
        """Compile a recipe into an emptied folder."""
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        if recipe.needs_calibration and not self.calibration:
            raise PermanentError(
                "there is no calibration sentence; give spec.data.calibration, or spec.data.train to "
                "draw them from"
            )
        self.backend.compile(self.exported, recipe, self.calibration, target, self.options)

    def _measure(self, session: Session, what: str) -> Measurement:
        def progressed(done: int) -> None:
            if self.stopping.is_set():
                raise StageError("stopped in the search for a recipe; nothing is kept", ExitCode.TERMINATED)
            self.progress(done, len(self.validation), f"validation sentences, {what}")

        return self.validation.measure(session, progressed)
