"""Reads the store until a plan has everything that it needs. Writes nothing."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from ner_jobs import host
from ner_jobs.promotion.pointer import Action, Pointer, read_pointer
from ner_jobs.store.artifacts import complete, read_manifest
from ner_jobs.store.protocol import Store
from ner_jobs.task import Manifest, Stage
from ner_jobs.task.parameters import PromoteCommand, RollbackCommand
from ner_operator.local.record import Record, read_record
from ner_operator.planning.graph import COMMAND, steps_of
from ner_operator.planning.inputs import Address, Artifact, Observed, PointerState
from ner_operator.planning.keys import PACKAGES
from ner_operator.planning.plan import Plan, plan
from ner_operator.planning.resolved import ResolvedDeployment

READERS = 8
"""Manifests read at once: on S3 each is a round trip."""


@dataclass(slots=True)
class StoreView:
    """What the store holds of one deployment. An artifact that was found is not read twice.

    Attributes:
        command: a promotion or rollback that a person requested; the plan then has its step alone.
        manifests: of the artifacts that were found, by address.
        pointer: as last read.
    """

    resolved: ResolvedDeployment
    store: Store
    command: PromoteCommand | RollbackCommand | None = None
    manifests: dict[Address, Manifest] = field(default_factory=dict)
    pointer: Pointer | None = None
    record: Record = field(default_factory=Record)
    _artifacts: dict[Address, Artifact | None] = field(default_factory=dict)

    def plan(self, extra_rerun: Mapping[str, str] | None = None) -> Plan:
        """Read the pointer, the record and the manifests that decide, and plan.

        Args:
            extra_rerun: tokens to plan with that are not kept: what would run if they were.
        """
        owner, extra = self.resolved.owner, extra_rerun or {}
        self.pointer = read_pointer(self.store, owner)
        self.record = read_record(self.store, owner)
        for address in [address for address, found in self._artifacts.items() if found is None]:
            del self._artifacts[address]
        generation = self.pointer.generation if self.pointer else 0
        requested = generation if "promote" in extra else self.record.promotion_requested_generation
        steps = steps_of(self.resolved)
        while True:
            observed = Observed(
                artifacts=self._artifacts,
                pointer=_state_of(self.pointer),
                records=self.record.ingredients,
                rerun={**self.record.rerun, **extra},
                promotion_requested_generation=requested,
                command=self.command,
                versions=host.versions(PACKAGES),
                isa=host.isa_class(),
            )
            planned = plan(steps, observed)
            if not planned.unobserved:
                break
            self._read(planned.unobserved)
        if self.command is None:
            return planned
        return replace(planned, steps=tuple(each for each in planned if each.step.name == COMMAND))

    def forget(self, stage: Stage, key: str) -> None:
        """Read this artifact again for the next plan."""
        self._artifacts.pop((stage, key), None)

    def forget_all(self) -> None:
        """Read every artifact again for the next plan: one that was there may be gone."""
        self._artifacts.clear()

    def _read(self, addresses: frozenset[Address]) -> None:
        with ThreadPoolExecutor(min(READERS, len(addresses))) as readers:
            for address, found in zip(addresses, readers.map(self._artifact, addresses), strict=True):
                self._artifacts[address] = found

    def _artifact(self, address: Address) -> Artifact | None:
        stage, key = address
        found = read_manifest(self.store, stage, key)
        if found is None:
            return None
        manifest, _ = found
        self.manifests[address] = manifest
        return Artifact(
            outputs=manifest.outputs,
            headline=manifest.headline,
            missing=tuple(complete(self.store, manifest)),
            emulated=manifest.emulated,
            backend=str(manifest.parameters.get("backend", "")),
            outcome=str(manifest.headline.get("verdict", "")),
        )


def _state_of(pointer: Pointer | None) -> PointerState | None:
    if pointer is None:
        return None
    return PointerState(
        generation=pointer.generation,
        revision=pointer.revision,
        variant=pointer.variant,
        compile_key=pointer.compile_key,
        promote_key=pointer.promote_key,
        held=pointer.taken_back,
        manual=pointer.action is not Action.PROMOTE,
    )
