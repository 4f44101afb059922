"""compile: turn an exported model into one variant, for a backend and a precision.

fp32 and bf16 are compiled as asked. int8 is a search on validation, and the
artifact records what was tried, with figures and verdicts. It also records
what was really compiled, which may be a fallback.
"""

import json
from pathlib import Path

from ner_jobs import host
from ner_jobs.corpus.snapshot import read_sentences
from ner_jobs.engines.base import Backend, Recipe, Session, int8_share
from ner_jobs.engines.registry import backend
from ner_jobs.models.folder import ModelFolder, Variant
from ner_jobs.quantization.candidates import candidates_of, fallback_of, recipes_of
from ner_jobs.quantization.search import Search
from ner_jobs.quantization.tried_recipe import TriedRecipe
from ner_jobs.quantization.validation import ValidationSet
from ner_jobs.scoring.decoding import Decoder
from ner_jobs.stages.base import StageContext, StageResult
from ner_jobs.task import ExitCode, PermanentError
from ner_jobs.task.parameters import CompileParameters


def run(context: StageContext) -> StageResult:
    """Compile one variant.

    Inputs: `exported`; for int8 `calibration` and `validation` too.

    Raises:
        PermanentError: the backend does not have the precision, or no recipe passes and there is no
            fallback.
    """
    parameters = CompileParameters.model_validate(context.task.parameters)
    engine = backend(parameters.backend)
    recipe = recipes_of(engine, parameters.precision)[0]
    target = context.output / "compiled"
    target.mkdir()
    exported = context.inputs["exported"]
    tried: list[TriedRecipe] = []
    if parameters.precision == "int8":
        recipe, tried = _search(context, parameters, engine, target)
    else:
        _refuse_unsupported(engine, recipe)
        engine.compile(exported, recipe, (), target, parameters.options)
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
        int8_share=round(int8_share(session.weights), 4) if recipe.precision == "int8" else None,
        isa=host.isa_class(),
        required_features=engine.required_features(recipe),
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


def _search(
    context: StageContext, parameters: CompileParameters, engine: Backend, target: Path
) -> tuple[Recipe, list[TriedRecipe]]:
    """The recipe that was compiled into `target`, and the result of each that was tried."""
    candidates = candidates_of(engine, parameters.quantization.recipe)
    fallback = fallback_of(engine, parameters.quantization.fallback)
    exported = context.inputs["exported"]
    model = ModelFolder(exported)
    encoder = model.encoder(parameters.max_length, parameters.segmentation)
    search = Search(
        backend=engine,
        exported=exported,
        calibration=[
            window.input_ids
            for sentence in read_sentences(context.inputs["calibration"])
            for window in encoder.encode(sentence).windows
        ],
        validation=ValidationSet(
            read_sentences(context.inputs["validation"]),
            encoder,
            Decoder(model.labels, parameters.decoding),
            model.padding,
        ),
        quantization=parameters.quantization,
        options=parameters.options,
        threads=context.task.threads or host.processors(),
        log=context.log,
        progress=context.progress,
        stopping=context.stopping,
    )
    return search.run(candidates, fallback, target)


def _refuse_unsupported(engine: Backend, recipe: Recipe) -> None:
    if unsupported := engine.unsupported(recipe):
        raise PermanentError(
            f"backend {engine.name} cannot compile {recipe.precision} here: {unsupported} "
            "(spec.variants[].precision)",
            ExitCode.CONFIGURATION,
        )


def _refuse_other_precision(session: Session, recipe: Recipe, name: str) -> None:
    """Refuse an engine that runs in another precision: it is read back, because engines choose their own."""
    if session.effective_precision != recipe.precision:
        raise PermanentError(
            f"{name} runs in {session.effective_precision}, {recipe.precision} was asked for",
            ExitCode.SOFTWARE,
        )
