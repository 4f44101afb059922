"""The task of one attempt: what a stage gets to know, in a local run as in a Job."""

from ner_jobs.task import Task
from ner_operator.planning.graph import Step
from ner_operator.planning.plan import Run
from ner_operator.planning.resolved import ResolvedDeployment


def task_of(step: Step, run: Run, attempt: str, resolved: ResolvedDeployment, threads: int = 0) -> Task:
    """The task of an attempt at a step.

    Args:
        step: the step, as it was planned.
        run: its state in the plan.
        attempt: names the attempt; no two attempts of a key have the same name.
        resolved: the deployment, for its storage and its owner.
        threads: processors that the stage may use; 0 means all that it finds.
    """
    return Task(
        stage=step.stage,
        key=run.key,
        attempt=attempt,
        variant=step.variant,
        parameters=run.parameters.model_dump(mode="json", by_alias=True),
        inputs=dict(run.inputs),
        storage=resolved.storage,
        owner=resolved.owner,
        threads=threads,
        emulated=step.runtime.emulated,
        image=step.runtime.image,
    )
