"""Which recipes of a backend are compiled or tried: decided from the spec alone, before any work."""

from collections.abc import Sequence

from ner_jobs.engines.base import Backend, Recipe
from ner_jobs.task import ExitCode, PermanentError

PRECISIONS = ("fp32", "bf16", "fp16", "int8")


def recipes_of(engine: Backend, precision: str) -> Sequence[Recipe]:
    """The recipes of a precision.

    Raises:
        PermanentError: the backend has none.
    """
    recipes = engine.recipes(precision)
    if not recipes:
        raise PermanentError(
            f"backend {engine.name} has no {precision}; it has {', '.join(_precisions(engine))} "
            "(spec.variants[].precision)",
            ExitCode.USAGE,
        )
    return recipes


def candidates_of(engine: Backend, name: str | None) -> Sequence[Recipe]:
    """The int8 recipes to try, in this order: the named one, or all that are searched.

    Raises:
        PermanentError: the backend has no recipe of this name.
    """
    recipes = engine.recipes("int8")
    if name is None:
        return [recipe for recipe in recipes if recipe.searched]
    found = [recipe for recipe in recipes if recipe.name == name]
    if not found:
        raise PermanentError(
            f"quantization.recipe: backend {engine.name} has no recipe {name!r}; it has "
            f"{', '.join(recipe.name for recipe in recipes)}",
            ExitCode.USAGE,
        )
    return found


def fallback_of(engine: Backend, precision: str | None) -> Recipe | None:
    """The recipe that is compiled if no candidate passes; None if the spec has no fallback.

    Raises:
        PermanentError: the backend does not have the precision.
    """
    if precision is None:
        return None
    others = [name for name in _precisions(engine) if name != "int8"]
    if precision not in others:
        raise PermanentError(
            f"quantization.fallback is {precision}; backend {engine.name} has {', '.join(others)}",
            ExitCode.USAGE,
        )
    return engine.recipes(precision)[0]


def _precisions(engine: Backend) -> list[str]:
    return [precision for precision in PRECISIONS if engine.recipes(precision)]
