"""One deployment on this machine: its spec, resolved and located, its store, and what is seen there."""

import getpass
from dataclasses import dataclass, replace
from pathlib import Path

from ner_jobs.store.open import open_store
from ner_jobs.store.protocol import Store
from ner_jobs.task import ExitCode, Owner, PermanentError
from ner_operator.local.digests import FileDigests, cache_folder
from ner_operator.local.hub import with_commit
from ner_operator.local.located import is_hub_id, located
from ner_operator.local.observe import Observer
from ner_operator.local.record import read_record
from ner_operator.local.spec import Spec
from ner_operator.planning.graph import steps_of
from ner_operator.planning.resolve import ResolutionError, resolve
from ner_operator.planning.resolved import ResolvedDeployment


@dataclass(frozen=True, slots=True)
class Workspace:
    """What every command on a spec works with."""

    resolved: ResolvedDeployment
    store: Store
    observer: Observer

    @property
    def owner(self) -> Owner:
        """Whose pointer and record these are."""
        return self.resolved.owner


def open_workspace(spec: Spec) -> Workspace:
    """Resolve a spec, find its files and open its store; nothing is written.

    Raises:
        PermanentError: it names a runtime that is not there, or a storage of no known kind.
        RetryableError: the store does not answer.
    """
    try:
        resolved = resolve(spec.deployment, spec.runtimes)
    except ResolutionError as error:
        raise PermanentError(str(error)) from None
    digests = FileDigests(cache_folder() / "digests.json")
    resolved = located(resolved, spec.folder, digests)
    digests.save()
    store = open_store(resolved.storage)
    if is_hub_id(resolved.prepare.base, spec.folder):
        former = read_record(store, resolved.owner).ingredients.get("prepare", {})
        resolved = replace(resolved, prepare=with_commit(resolved.prepare, former))
    return Workspace(resolved, store, Observer(resolved, store))


def steps_named(resolved: ResolvedDeployment, names: list[str]) -> list[str]:
    """Check names of stages (`compile`) or steps (`compile/int8`) against the deployment.

    Raises:
        PermanentError: one is neither; the message lists what there is.
    """
    steps = steps_of(resolved)
    known = dict.fromkeys([*(step.stage.value for step in steps), *(step.name for step in steps)])
    for name in names:
        if name not in known:
            raise PermanentError(
                f"there is no stage or step {name}; there are {', '.join(known)}", ExitCode.USAGE
            )
    return names


def person() -> str:
    """Who is at the keyboard, for the pointer's history."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def reports_folder(workspace: Workspace) -> Path:
    """Where this machine keeps pages: in the store where it is a folder, else in the user's cache."""
    key = f"reports/{workspace.owner.namespace}/{workspace.owner.name}"
    return workspace.store.local_path(key) or cache_folder() / key
