"""The function of each stage, imported only when it runs."""

import importlib
from collections.abc import Callable, Mapping
from typing import cast

from ner_jobs.stages.base import StageFunction
from ner_jobs.store.protocol import Store
from ner_jobs.task import ExitCode, PermanentError, Stage, Task

STAGES = {
    Stage.PREPARE: "ner_jobs.stages.prepare:run",
    Stage.FINETUNE: "ner_jobs.stages.finetune:run",
    Stage.EXPORT: "ner_jobs.stages.export:run",
    Stage.COMPILE: "ner_jobs.stages.compile:run",
    Stage.INFER: "ner_jobs.stages.infer:run",
    Stage.EVALUATE: "ner_jobs.stages.evaluate:run",
    Stage.BENCHMARK: "ner_jobs.stages.benchmark:run",
    Stage.PROMOTE: "ner_jobs.stages.promote:run",
}

OF_THIS_MOMENT = {Stage.PROMOTE: "ner_jobs.promotion.headline:pointer_figures_now"}
"""Computes figures that a termination message has in addition to the artifact's, which may be old."""


def figures_of_this_moment(store: Store, task: Task) -> Mapping[str, float | int | str | bool | None]:
    """Figures of the headline that are read again at each end; most stages have none."""
    module, _, name = OF_THIS_MOMENT.get(task.stage, "").partition(":")
    if not module:
        return {}
    ask = cast(
        Callable[[Store, Task], Mapping[str, float | int | str | bool | None]],
        getattr(importlib.import_module(module), name),
    )
    return ask(store, task)


def function_of(stage: Stage) -> StageFunction:
    """Import a stage's function, with the libraries that it needs.

    Raises:
        PermanentError: one of them is not installed.
    """
    module, _, name = STAGES[stage].partition(":")
    try:
        return cast(StageFunction, getattr(importlib.import_module(module), name))
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("ner_jobs"):
            raise
        raise PermanentError(
            f"the stage {stage} needs the Python package {error.name}, which is not installed here; "
            "pip install 'nerdeployment[jobs,openvino,onnxruntime]', or choose an image that has it",
            ExitCode.CONFIGURATION,
        ) from error
