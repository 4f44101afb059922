"""Look at the store until a plan has all that it asks for. Reads only."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from ner_jobs import host
from ner_jobs.promotion.pointer import Action, Pointer, read_pointer
from ner_jobs.store.artifacts import complete, read_manifest
from ner_jobs.store.protocol import Store
from ner_jobs.task import Manifest, Stage
from ner_operator.local.record import Record, read_record
from ner_operator.planning.inputs import Address, Artifact, Observed, PointerState
from ner_operator.planning.keys import PACKAGES
from ner_operator.planning.plan import Plan, plan
from ner_operator.planning.resolved import ResolvedDeployment

READERS = 8
"""Manifests read at once: on S3 each is a round trip."""


@dataclass(slots=True)
class Observer:
    """What has been seen of one deployment's store; artifacts that are there are not looked up twice.

    Attributes:
        manifests: by address, of what was found; for tables and logs.
        pointer: as last read.
    """

    resolved: ResolvedDeployment
    store: Store
    manifests: dict[Address, Manifest] = field(default_factory=dict)
    pointer: Pointer | None = None
    record: Record = field(default_factory=Record)
    _artifacts: dict[Address, Artifact | None] = field(default_factory=dict)

    def look(self, extra_rerun: Mapping[str, str] | None = None) -> Plan:
        """Read pointer, record and whatever manifests decide, and plan.

        Args:
            extra_rerun: tokens that are only tried, not kept: what would run if they were.
        """
        owner = self.resolved.owner
        self.pointer = read_pointer(self.store, owner)
        self.record = read_record(self.store, owner)
        for address in [address for address, found in self._artifacts.items() if found is None]:
            del self._artifacts[address]
        generation = self.pointer.generation if self.pointer else 0
        asked = (
            generation
            if extra_rerun and "promote" in extra_rerun
            else self.record.promotion_requested_generation
        )
        while True:
            observed = Observed(
                artifacts=self._artifacts,
                pointer=_state_of(self.pointer),
                records=self.record.ingredients,
                rerun={**self.record.rerun, **(extra_rerun or {})},
                promotion_requested_generation=asked,
                versions=host.versions(PACKAGES),
                isa=host.isa_class(),
            )
            planned = plan(self.resolved, observed)
            if not planned.unobserved:
                return planned
            self._read(planned.unobserved)

    def forget(self, stage: Stage, key: str) -> None:
        """Look this artifact up again at the next look."""
        self._artifacts.pop((stage, key), None)

    def forget_all(self) -> None:
        """Look everything up again at the next look: something that was there may be gone."""
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
