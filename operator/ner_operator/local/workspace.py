"""One deployment on this machine: its resolved spec and its store."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ner_jobs.store.open import open_store
from ner_jobs.store.protocol import Store
from ner_jobs.task import ExitCode, Owner, PermanentError, Stage
from ner_operator.local.digests import FileDigests, cache_folder
from ner_operator.local.hub import with_commit
from ner_operator.local.paths import is_hub_id, with_absolute_paths
from ner_operator.local.record import read_record
from ner_operator.local.spec import Spec
from ner_operator.local.store_view import StoreView
from ner_operator.planning.graph import steps_of
from ner_operator.planning.resolve import resolve
from ner_operator.planning.resolved import ResolvedDeployment


@dataclass(frozen=True, slots=True)
class Workspace:
    """A resolved spec with its store."""

    resolved: ResolvedDeployment
    store: Store
    view: StoreView

    @property
    def owner(self) -> Owner:
        """The owner of the pointer and of the record."""
        return self.resolved.owner


def open_workspace(spec: Spec) -> Workspace:
    """Resolve a spec, digest its files and open its store. Writes nothing.

    Raises:
        PermanentError: the spec names an unknown runtime, or a storage of no known kind.
        RetryableError: the store does not answer.
    """
    resolved = resolve(spec.deployment, spec.runtimes)
    if resolved.missing_runtimes:
        raise PermanentError(resolved.missing_runtimes[0])
    digests = FileDigests(cache_folder() / "digests.json")
    resolved = with_absolute_paths(resolved, spec.folder, digests)
    digests.save()
    store = open_store(resolved.storage)
    if is_hub_id(resolved.prepare.base, spec.folder):
        former = read_record(store, resolved.owner).ingredients.get("prepare", {})
        resolved = replace(resolved, prepare=with_commit(resolved.prepare, former))
    return Workspace(resolved, store, StoreView(resolved, store))


def require_steps(names: Sequence[str], steps: Iterable[tuple[Stage, str]]) -> None:
    """Check names of stages (`compile`) or steps (`compile/int8`).

    Args:
        names: to check.
        steps: stage and name of each step that there is.

    Raises:
        PermanentError: a name is neither; the message lists what there is.
    """
    pairs = list(steps)
    known = dict.fromkeys([*(stage.value for stage, _ in pairs), *(step for _, step in pairs)])
    for name in names:
        if name not in known:
            there = ", ".join(known) or "none yet"
            raise PermanentError(f"there is no stage or step {name}; there are {there}", ExitCode.USAGE)


def require_steps_of(resolved: ResolvedDeployment, names: Sequence[str]) -> None:
    """Check names of stages or steps against a spec, as `require_steps` does."""
    require_steps(names, ((step.stage, step.name) for step in steps_of(resolved)))
