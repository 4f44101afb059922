"""The manifests of a plan's results, for the table and the page of its variants."""

from collections.abc import Iterator

from ner_jobs.store.artifacts import read_manifest
from ner_jobs.task import Manifest, Stage, canonical_digest
from ner_operator.local.workspace import Workspace
from ner_operator.planning.plan import Cached, Plan

_SHOWN = (Stage.COMPILE, Stage.EVALUATE, Stage.BENCHMARK)


def manifests_of(workspace: Workspace, plan: Plan) -> Iterator[Manifest]:
    """Manifests of finished stages. Each has the variant's present name, not that of its first run."""
    for planned in plan:
        if planned.step.stage in _SHOWN and isinstance(planned.state, Cached):
            manifest = workspace.view.manifests[planned.step.stage, planned.state.key]
            yield manifest.model_copy(update={"variant": planned.step.variant})
    if verdict := _verdict(workspace, plan):
        yield verdict


def _verdict(workspace: Workspace, plan: Plan) -> Manifest | None:
    """The verdict on this revision: the plan's, else the last one, else one in the pointer's history."""
    state, pointer = plan.state("promote"), workspace.view.pointer
    keys = [state.key] if isinstance(state, Cached) else []
    if recorded := workspace.view.record.ingredients.get("promote"):
        keys.append(canonical_digest(recorded))
    if pointer:
        positions = (pointer.position(), *reversed(pointer.history))
        keys += [position.promote_key for position in positions if position.revision == plan.revision]
    for key in dict.fromkeys(keys):
        found = read_manifest(workspace.store, Stage.PROMOTE, key) if key else None
        if found and found[0].parameters.get("revision") == plan.revision:
            return found[0]
    return None
