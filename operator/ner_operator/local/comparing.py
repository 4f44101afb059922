"""The variants of a revision side by side, from what the observer has read; and their page."""

from collections.abc import Iterator
from pathlib import Path

from ner_jobs.promotion.gates import Verdict
from ner_jobs.report.comparison import Comparison, collect, page
from ner_jobs.store.artifacts import read_manifest
from ner_jobs.task import ExitCode, Manifest, PermanentError, Stage, canonical_digest
from ner_operator.local.workspace import Workspace, reports_folder
from ner_operator.planning.plan import Cached, Plan

_SHOWN = (Stage.COMPILE, Stage.EVALUATE, Stage.BENCHMARK)


def compare(here: Workspace, plan: Plan) -> Comparison:
    """All that is known of this plan's variants."""
    return collect(f"{here.owner.namespace}/{here.owner.name}", list(_manifests(here, plan)))


def write_page(here: Workspace, plan: Plan, path: Path | None = None) -> Path:
    """Write the page for people, unless the same page is there already.

    Args:
        here: the deployment.
        plan: whose results it shows.
        path: where to; None takes a folder of the store, or of the user's cache.

    Returns:
        The page's path.

    Raises:
        PermanentError: it cannot be written there.
    """
    manifests = list(_manifests(here, plan))
    name = canonical_digest([[manifest.variant, manifest.stage, manifest.key] for manifest in manifests])[:12]
    target = path or reports_folder(here) / f"{name}.html"
    if path is None and target.exists():
        return target
    return write_text(page(compare(here, plan)), target)


def write_text(html: str, target: Path) -> Path:
    """Write a page, with the folders above it.

    Raises:
        PermanentError: it cannot be written there.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(html, encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PermanentError(
            f"the report {target} cannot be written: {reason}", ExitCode.CANNOT_CREATE
        ) from None
    return target


def verdict_of(here: Workspace, plan: Plan) -> Verdict | None:
    """What `promote` decided on this plan's revision, or None where it has not."""
    manifest = _verdict_manifest(here, plan)
    return Verdict.model_validate(manifest.metrics) if manifest else None


def _manifests(here: Workspace, plan: Plan) -> Iterator[Manifest]:
    """Manifests of what is over; each says the variant's present name, not that of whoever made it first."""
    for planned in plan:
        if planned.step.stage in _SHOWN and isinstance(planned.state, Cached):
            manifest = here.observer.manifests[planned.step.stage, planned.state.key]
            yield manifest.model_copy(update={"variant": planned.step.variant})
    verdict = _verdict_manifest(here, plan)
    if verdict:
        yield verdict


def _verdict_manifest(here: Workspace, plan: Plan) -> Manifest | None:
    """The verdict on this revision: the plan's, else the last one, else one in the pointer's history."""
    state, pointer = plan.state("promote"), here.observer.pointer
    keys = [state.key] if isinstance(state, Cached) else []
    if recorded := here.observer.record.ingredients.get("promote"):
        keys.append(canonical_digest(recorded))
    if pointer:
        positions = (pointer.position(), *reversed(pointer.history))
        keys += [position.promote_key for position in positions if position.revision == plan.revision]
    for key in dict.fromkeys(keys):
        found = read_manifest(here.store, Stage.PROMOTE, key) if key else None
        if found and found[0].parameters.get("revision") == plan.revision:
            return found[0]
    return None
