"""`python -m ner_jobs.garbage`: what the chart's CronJob runs, one store at a time."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from pydantic import ValidationError

from ner_jobs.garbage import collect, messages
from ner_jobs.garbage.cluster import ACCOUNT, Cluster, list_deployments
from ner_jobs.garbage.roots import keys_in_use, keys_of_deployments, read_stored
from ner_jobs.store.open import open_store
from ner_jobs.store.protocol import Store
from ner_jobs.task import ExitCode, StageError, StorageSettings


def main(arguments: Sequence[str] | None = None, account: Path = ACCOUNT) -> int:
    """Collect and print a report; returns the exit code.

    Args:
        arguments: of the command line.
        account: folder of the pod's service account.
    """
    options = _parser().parse_args(arguments)
    try:
        storage = StorageSettings.model_validate_json(options.storage)
    except ValidationError as error:
        return _refuse(f"--storage is wrong: {error.errors()[0]['msg']}", ExitCode.USAGE)
    signal.signal(signal.SIGTERM, _stop)
    try:
        cluster = Cluster.of_pod(
            os.environ.get("KUBERNETES_SERVICE_HOST", ""),
            os.environ.get("KUBERNETES_SERVICE_PORT", "443"),
            account,
        )
        _collect(open_store(storage, _say), cluster, messages.parse_grace(options.grace), options)
    except StageError as error:
        return _refuse(str(error), error.code)
    return ExitCode.DONE


def _collect(store: Store, cluster: Cluster, grace: float, options: argparse.Namespace) -> None:
    store.probe()

    def in_use() -> frozenset[str]:
        deployments = keys_of_deployments(list_deployments(cluster), store.uri)
        return keys_in_use(deployments, store.uri, options.allow_empty) | read_stored(store).keys

    _say(f"collecting {store.uri}; nothing younger than {options.grace} is removed")
    garbage = collect.find_garbage(store, in_use, grace)
    for line in messages.found_lines(garbage):
        _say(line)
    if not options.delete:
        _say("a dry run: nothing was removed; --delete removes")
        return
    for line in messages.removed_lines(collect.remove(store, garbage, in_use)):
        _say(line)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ner_jobs.garbage",
        description="Remove what no NerDeployment of this cluster and no promoted pointer reaches.",
    )
    parser.add_argument("--storage", required=True, metavar="JSON", help="as spec.storage of a NerDeployment")
    parser.add_argument("--grace", default="14d", help="keep what is younger: hours or days (default: 14d)")
    parser.add_argument("--delete", action="store_true", help="remove; without it, only report")
    parser.add_argument(
        "--allow-empty", action="store_true", help="confirm that the cluster has no NerDeployment"
    )
    return parser


def _stop(number: int, frame: FrameType | None) -> None:
    sys.exit(ExitCode.TERMINATED)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def _refuse(message: str, code: int) -> int:
    print(f"error: {message}", file=sys.stderr, flush=True)  # noqa: T201
    return code


if __name__ == "__main__":
    sys.exit(main())
