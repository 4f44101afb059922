"""Publishes FOLDER as attempt NAME of a key in the store at URI, and says each step, to be killed in one."""

import sys
from pathlib import Path

from ner_jobs.store import artifacts
from ner_jobs.store.open import open_store
from ner_jobs.store.parts import MIB, Transfers
from ner_jobs.store.protocol import Store
from ner_jobs.store.s3 import S3Store
from ner_jobs.task import FileEntry, Manifest, StorageSettings
from ner_jobs.task.manifest import outputs_of

KEY = "ab" * 32


def main() -> None:
    folder, attempt, settings = (
        Path(sys.argv[1]),
        sys.argv[2],
        StorageSettings.model_validate_json(sys.argv[3]),
    )
    store: Store = open_store(settings)
    if isinstance(store, S3Store):
        store = S3Store(settings, transfers=Transfers(part=5 * MIB, parallel=1))

    def describe(files: tuple[FileEntry, ...]) -> Manifest:
        return Manifest(
            stage="export", key=KEY, attempt=attempt, files=files, outputs=outputs_of(files),
            parameters={}, inputs={}, started=0, finished=1,
        )  # fmt: skip

    def transferred(count: int) -> None:
        print(f"moved {count}", flush=True)
        if attempt == "killed":
            # Our parent kills us here, in the middle of a file.
            sys.stdin.read()

    manifest, _ = artifacts.publish(store, "export", KEY, attempt, folder, describe, transferred)
    artifacts.remove_other_attempts(store, manifest)
    print(f"published {manifest.attempt}", flush=True)


if __name__ == "__main__":
    main()
