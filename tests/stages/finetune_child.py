"""Runs finetune alone on a tiny model, so that a test can kill it: FOLDER holds inputs/ and store/."""

import json
import sys
import threading
from pathlib import Path

from ner_jobs.stages.base import StageContext
from ner_jobs.stages.finetune import run
from ner_jobs.store.open import open_store
from ner_jobs.task import Owner, Stage, StorageSettings, Task


def main() -> None:
    folder, name = Path(sys.argv[1]), sys.argv[2]
    parameters = json.loads(sys.argv[3])
    output, scratch = folder / name / "output", folder / name / "scratch"
    output.mkdir(parents=True)
    scratch.mkdir()
    storage = StorageSettings(uri=(folder / sys.argv[4]).as_uri())
    task = Task(
        stage=Stage.FINETUNE,
        key="0" * 64,
        attempt=name,
        parameters=parameters,
        storage=storage,
        owner=Owner(namespace="default", name="tiny"),
        threads=1,
    )
    result = run(
        StageContext(
            task=task,
            inputs={path.name: path for path in (folder / "inputs").iterdir()},
            manifests={},
            output=output,
            scratch=scratch,
            store=open_store(storage),
            log=lambda line: print(f"log {line}", flush=True),
            progress=lambda done, total, what: print(f"step {done:.0f}", flush=True),
            stopping=threading.Event(),
            fetch=lambda reference: folder,
        )
    )
    print("result " + json.dumps({"metrics": result.metrics, "provenance": result.provenance}), flush=True)


if __name__ == "__main__":
    main()
