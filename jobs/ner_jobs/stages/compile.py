"""compile: an exported model as one variant, a backend and a precision.

fp32 and bf16 are compiled as asked. int8 is a search on validation; what was
tried, with figures and verdicts, is a record of the artifact. What was really
compiled is written down, also where it is a fallback.
"""

import json
from pathlib import Path

from ner_jobs import host
from ner_jobs.corpus.snapshot import read_sentences
from ner_jobs.engines.base import Backend, Recipe, Session
from ner_jobs.engines.registry import backend
from ner_jobs.models.folder import ModelFolder, Variant
from ner_jobs.quantization.search import CalibrationWindows, Search, Tried, best_of
from ner_jobs.scoring.decoding import Decoder
from ner_jobs.stages.base import StageContext, StageResult
from ner_jobs.store.artifacts import empty
from ner_jobs.task import ExitCode, PermanentError
from ner_jobs.task.parameters import CompileParameters

NO_CALIBRATION = CalibrationWindows()

PRECISIONS = ("fp32", "bf16", "fp16", "int8")

NO_FALLBACK = "Allow more (quantization.maxDrop), give a quantization.fallback, or another runtime"


def run(context: StageContext) -> StageResult:
    """Compile one variant.

    Inputs: `exported`; for int8 `calibration` and `validation` too.

    Raises:
        PermanentError: the backend does not have the precision, or no recipe passes and there is no
            fallback.
    """
    parameters = CompileParameters.model_validate(context.task.parameters)
    engine = backend(parameters.backend)
    recipes = engine.recipes(parameters.precision)
    if not recipes:
        has = [precision for precision in PRECISIONS if engine.recipes(precision)]
        raise PermanentError(
            f"backend {parameters.backend} has no {parameters.precision}; it has {', '.join(has)} "
            "(spec.variants[].precision)",
            ExitCode.USAGE,
        )
    target = context.output / "compiled"
    target.mkdir()
    exported = context.inputs["exported"]
    tried: list[Tried] = []
    if parameters.precision == "int8":
        recipe, tried = _searched(context, parameters, engine, target)
    else:
        recipe = recipes[0]
        _refuse_lacking(engine, recipe)
        engine.compile(exported, recipe, NO_CALIBRATION, target, parameters.options)
    session = engine.load(target)
    _refuse_other_precision(session, recipe, parameters.backend)
    model = ModelFolder(exported)
    model.copy_to(target)
    variant = Variant(
        backend=parameters.backend,
        precision=recipe.precision,
        requested=parameters.precision,
        recipe=recipe.name,
        effective_precision=session.effective_precision,
        isa=host.isa_class(),
    )
    ModelFolder(target).write(model.facts.model_copy(update={"decoding": parameters.decoding}), variant)
    if tried:
        rows = [row.as_json() for row in tried]
        (context.output / "recipes.json").write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n")
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    context.log(
        f"compiled {recipe.precision} with recipe {recipe.name} on {parameters.backend} "
        f"({size / 2**20:.1f} MiB)"
    )
    return StageResult(
        metrics={
            **variant.model_dump(by_alias=True),
            "products": dict(session.products),
            "size": size,
            "recipes": [row.as_json() for row in tried],
        },
        headline={
            "precision": recipe.precision,
            "requested": parameters.precision,
            "recipe": recipe.name,
            "sizeMiB": round(size / 2**20, 1),
        },
        provenance={"backendVersions": engine.versions(), "cpuFeatures": host.cpu_features()},
    )


def _searched(
    context: StageContext, parameters: CompileParameters, engine: Backend, target: Path
) -> tuple[Recipe, list[Tried]]:
    """The recipe that was compiled into `target`, and all that was tried."""
    wanted = parameters.quantization
    chosen = _candidates(engine, wanted.recipe)
    fallback = _fallback(engine, wanted.fallback)
    lacking = engine.lacking(fallback) if fallback else ""
    if lacking:
        context.log(f"quantization.fallback is {wanted.fallback}, and cannot be taken: {lacking}")
    search = _search(context, parameters, engine)
    reference = search.reference(context.scratch / "reference")
    tried: list[Tried] = []
    for at, recipe in enumerate(chosen):
        context.progress(at, len(chosen), f"recipes tried; now {recipe.name}")
        row = search.try_recipe(recipe, reference, target)
        tried.append(row)
        # A recipe asked for by name is what the user wants to see; the gates have their say later.
        if row.passed or (wanted.recipe is not None and row.f1 is not None):
            return recipe, tried
    empty(target)
    if fallback is None or lacking:
        none = f"no int8 recipe of {engine.name} loses at most {wanted.max_drop:g} points; {best_of(tried)}. "
        raise PermanentError(
            none + (f"quantization.fallback is {wanted.fallback}, and {lacking}" if lacking else NO_FALLBACK),
            ExitCode.SOFTWARE,
        )
    context.log(
        f"no int8 recipe passed ({best_of(tried)}); compiling {fallback.precision} instead, as "
        "quantization.fallback says"
    )
    engine.compile(context.inputs["exported"], fallback, search.calibration, target, parameters.options)
    return fallback, tried


def _fallback(engine: Backend, precision: str | None) -> Recipe | None:
    """What is compiled where no recipe passes; looked up before the search, which takes minutes."""
    if precision is None:
        return None
    has = [name for name in PRECISIONS if name != "int8" and engine.recipes(name)]
    if precision not in has:
        raise PermanentError(
            f"quantization.fallback is {precision}; backend {engine.name} has {', '.join(has)}",
            ExitCode.USAGE,
        )
    return engine.recipes(precision)[0]


def _candidates(engine: Backend, named: str | None) -> list[Recipe]:
    recipes = engine.recipes("int8")
    if named is None:
        return [recipe for recipe in recipes if recipe.searched]
    found = [recipe for recipe in recipes if recipe.name == named]
    if not found:
        raise PermanentError(
            f"quantization.recipe: backend {engine.name} has no recipe {named!r}; it has "
            f"{', '.join(recipe.name for recipe in recipes)}",
            ExitCode.USAGE,
        )
    return found


def _search(context: StageContext, parameters: CompileParameters, engine: Backend) -> Search:
    exported = context.inputs["exported"]
    model = ModelFolder(exported)
    encoder = model.encoder(parameters.max_length, parameters.segmentation)
    validation = [sentence for sentence in read_sentences(context.inputs["validation"]) if sentence.tags]
    if not validation:
        raise PermanentError(
            "int8 is judged on validation sentences with tags, and there are none; give spec.data.validation "
            "or spec.data.train, or choose another precision",
            ExitCode.DATA,
        )
    return Search(
        backend=engine,
        exported=exported,
        calibration=CalibrationWindows.of(read_sentences(context.inputs["calibration"]), encoder),
        validation=validation,
        encoder=encoder,
        decoder=Decoder(model.labels, parameters.decoding),
        quantization=parameters.quantization,
        options=parameters.options,
        threads=context.task.threads or host.processors(),
        padding=model.padding,
        log=context.log,
        progress=context.progress,
        stopping=context.stopping,
    )


def _refuse_lacking(engine: Backend, recipe: Recipe) -> None:
    if lacking := engine.lacking(recipe):
        raise PermanentError(
            f"backend {engine.name} cannot compile {recipe.precision} here: {lacking} "
            "(spec.variants[].precision)",
            ExitCode.CONFIGURATION,
        )


def _refuse_other_precision(session: Session, recipe: Recipe, name: str) -> None:
    """An engine's precision is not what was asked: what it runs in is read back, and must be the recipe's."""
    if session.effective_precision != recipe.precision:
        raise PermanentError(
            f"{name} runs in {session.effective_precision}, {recipe.precision} was asked for",
            ExitCode.SOFTWARE,
        )
