"""One attempt at a task: leave its artifact in the store, or find it there.

An artifact that is there is verified and left alone. Otherwise the inputs are
fetched and verified, the stage runs under the key's lease, and its files are
published, the manifest last.
"""

import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from ner_jobs.host import on_emulated_devices
from ner_jobs.provenance import provenance_of
from ner_jobs.reporting import Reporter
from ner_jobs.stages.base import StageContext
from ner_jobs.stages.registry import function_of
from ner_jobs.store import artifacts
from ner_jobs.store.lease import Rhythm, lease, lease_key
from ner_jobs.store.protocol import Store
from ner_jobs.task import (
    ExitCode,
    FileEntry,
    InputReference,
    Manifest,
    PermanentError,
    RetryableError,
    StageError,
    Task,
)
from ner_jobs.task.manifest import outputs_of


@dataclass(frozen=True, slots=True)
class Attempt:
    """One process's try at a task.

    Attributes:
        task: its attempt is this process's alone.
        store: probed.
        scratch: a folder that is removed afterwards.
        reporter: its log becomes the artifact's.
        stopping: set when the process must end.
    """

    task: Task
    store: Store
    scratch: Path
    reporter: Reporter
    stopping: threading.Event

    def run(self, rhythm: Rhythm | None = None) -> tuple[Manifest, str]:
        """Find the artifact, or compute and publish it.

        Args:
            rhythm: of the lease.

        Returns:
            The key's manifest and its digest.

        Raises:
            StageError: there is no artifact; the message and the code say what to do.
        """
        task, store = self.task, self.store
        present = self._find()
        damaged = present if present and self._is_damaged(present.manifest) else None
        if present and not damaged:
            return present.manifest, present.digest

        def newer() -> artifacts.Found | None:
            found = artifacts.find_manifest(store, task.stage, task.key)
            return None if found and damaged and found.version == damaged.version else found

        name = lease_key(task.stage, task.key)
        with lease(
            store,
            name,
            task.attempt,
            lambda: newer() is not None,
            self.stopping,
            self.reporter.line,
            rhythm,
        ) as acquired:
            published = self._compute(damaged) if acquired else None
        if published:
            self._remove_leftovers(published[0])
            return published
        found = newer()
        if found is None:
            raise StageError("stopped while another attempt worked on the same key", ExitCode.TERMINATED)
        self.reporter.line(f"{task.stage} {task.key[:12]} was computed by attempt {found.manifest.attempt}")
        artifacts.verify(store, found.manifest)
        return found.manifest, found.digest

    def _find(self) -> artifacts.Found | None:
        found = artifacts.find_manifest(self.store, self.task.stage, self.task.key)
        if found is not None:
            self.reporter.line(f"{self.task.stage} {self.task.key[:12]} is already there; verifying it")
        return found

    def _is_damaged(self, manifest: Manifest) -> bool:
        """Whether files of an artifact are missing, so that it must be computed again.

        A corrupt artifact is never replaced without a person: its digest may be in use, and what
        corrupted one file may corrupt others.

        Raises:
            PermanentError: a file is not what the manifest says.
        """
        damage = artifacts.find_damage(self.store, manifest)
        corrupt = [each.message for each in damage if not each.vanished]
        if corrupt:
            raise PermanentError("\n".join(corrupt), ExitCode.DATA)
        for each in damage:
            self.reporter.line(each.message)
        return bool(damage)

    def _compute(self, damaged: artifacts.Found | None) -> tuple[Manifest, str]:
        """Run the stage and publish what it leaves, in the place of a damaged artifact if there is one."""
        task, reporter = self.task, self.reporter
        started = time.time()
        output, scratch = self.scratch / "output", self.scratch / "scratch"
        output.mkdir()
        scratch.mkdir()
        inputs = {role: self._fetch(reference) for role, reference in task.inputs.items()}
        manifests = {role: self._manifest(reference) for role, reference in task.inputs.items()}
        if inputs:
            reporter.line(f"inputs verified in {time.time() - started:.1f} s: {', '.join(inputs)}")
        emulated = task.emulated or on_emulated_devices() or any(each.emulated for each in manifests.values())
        result = function_of(task.stage)(
            StageContext(
                task=task.model_copy(update={"emulated": emulated}),
                inputs=inputs,
                manifests=manifests,
                output=output,
                scratch=scratch,
                store=self.store,
                log=reporter.line,
                progress=reporter.progress,
                stopping=self.stopping,
                fetch=self._fetch,
            )
        )
        finished = time.time()
        reporter.line(f"{task.stage} done in {finished - started:.1f} s; publishing to {self.store.uri}")
        shutil.copyfile(self.scratch / artifacts.LOG, output / artifacts.LOG)

        def describe(files: tuple[FileEntry, ...]) -> Manifest:
            return Manifest(
                stage=task.stage,
                key=task.key,
                attempt=task.attempt,
                variant=task.variant,
                files=files,
                outputs=outputs_of(files),
                parameters=task.parameters,
                inputs=task.inputs,
                metrics=result.metrics,
                headline=result.headline,
                provenance={**provenance_of(task), **result.provenance},
                emulated=emulated,
                started=started,
                finished=finished,
            )

        published = artifacts.publish(
            self.store, task.stage, task.key, task.attempt, output, describe, replacing=damaged
        )
        if published[0].attempt != task.attempt:
            reporter.line(f"attempt {published[0].attempt} was first; its result is this key's")
        return published

    def _fetch(self, reference: InputReference) -> Path:
        if self.stopping.is_set():
            raise StageError("stopped while inputs were fetched", ExitCode.TERMINATED)
        return artifacts.fetch(self.store, reference, self.scratch / "inputs")

    def _manifest(self, reference: InputReference) -> Manifest:
        found = artifacts.read_manifest(self.store, reference.stage, reference.key)
        if found is None:
            raise RetryableError(f"input artifact {reference.stage} {reference.key} has just vanished")
        return found[0]

    def _remove_leftovers(self, manifest: Manifest) -> None:
        """Remove what other attempts left under the key; a failure changes nothing."""
        try:
            artifacts.remove_other_attempts(self.store, manifest)
        except StageError as error:
            self.reporter.line(f"leftovers of other attempts stay: {error}")
