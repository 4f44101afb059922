"""kubectl, as a program: the one way from here to a cluster."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ner_jobs.task import ExitCode, PermanentError, RetryableError, StageError

KIND = "nerdeployments.nerd.dev"
MANAGER = "nerd"
"""Owns the fields that these commands write, in managedFields. Flux takes back what a manager wrote whose
name begins with kubectl, and a wish that is in no repository has to stay."""

_REFUSAL = re.compile(r"^(?:Error from server|error:)?\s*(?:\((\w+)\))?:?\s*(.*)$", re.S)
_UNREACHABLE = (
    "Unable to connect to the server",
    "was refused",
    "no such host",
    "i/o timeout",
    "ServiceUnavailable",
)
_NO_KIND = ("the server doesn't have a resource type", "could not find the requested resource")


class ConflictError(RetryableError):
    """The object is not any more what the write rested on."""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl with the options that say which cluster, and where in it.

    Attributes:
        namespace: None is that of the context.
        everywhere: all namespaces.
    """

    namespace: str | None = None
    context: str | None = None
    kubeconfig: str | None = None
    everywhere: bool = False

    def json(self, *arguments: str) -> Any:
        """What kubectl prints, as JSON.

        Raises:
            StageError: in kubectl's words, with the exit code that they mean.
        """
        return json.loads(self.text(*arguments, "--output=json"))

    def text(self, *arguments: str) -> str:
        """What kubectl prints.

        Raises:
            StageError: in kubectl's words, with the exit code that they mean.
        """
        done = subprocess.run(self._command(arguments), capture_output=True, text=True, check=False)
        if done.returncode:
            raise meaning(done.stderr)
        return done.stdout

    def pass_on(self, *arguments: str) -> int:
        """Let kubectl print by itself, for as long as it likes; its exit code."""
        return subprocess.run(self._command(arguments), check=False).returncode

    def _command(self, arguments: Sequence[str]) -> list[str]:
        where = {"namespace": self.namespace, "context": self.context, "kubeconfig": self.kubeconfig}
        options = [f"--{name}={value}" for name, value in where.items() if value is not None]
        return [find_kubectl(), *arguments, *options, *(["--all-namespaces"] if self.everywhere else [])]


def find_kubectl() -> str:
    """On PATH, else beside this program.

    Raises:
        PermanentError: it is not installed.
    """
    beside = str(Path(sys.argv[0]).parent) + os.pathsep + str(Path(sys.executable).parent)
    found = shutil.which("kubectl") or shutil.which("kubectl", path=beside)
    if found is None:
        raise PermanentError(
            "kubectl is not installed, and a cluster is reached through it; install it, or name a spec's "
            "file with -f to work here",
            ExitCode.CONFIGURATION,
        )
    return found


def meaning(said: str) -> StageError:
    """What kubectl's words on standard error mean, for a person and for an exit code."""
    lines = [line for line in said.strip().splitlines() if not line.startswith(("Warning:", "E0", "I0"))]
    words = lines[-1] if lines else "kubectl ended without a word"
    if any(mark in said for mark in _NO_KIND):
        return PermanentError(
            "this cluster knows no NerDeployment: the operator is not installed there (docs/install.md), or "
            "this is another cluster than you meant (kubectl config current-context)",
            ExitCode.CONFIGURATION,
        )
    if any(mark in said for mark in _UNREACHABLE):
        return RetryableError(f"the cluster does not answer: {words}")
    matched = _REFUSAL.match(words)
    reason, message = (matched[1] or "", matched[2]) if matched else ("", words)
    match reason:
        case "NotFound":
            return PermanentError(f"{message}; kubectl nerd list shows what there is", ExitCode.NO_INPUT)
        case "Conflict":
            return ConflictError(f"somebody else changed it at the same moment; ask again ({message})")
        case "Forbidden" | "Unauthorized":
            return PermanentError(message, ExitCode.CONFIGURATION)
        case "Invalid" | "BadRequest":
            return PermanentError(message, ExitCode.DATA)
        case _:
            return PermanentError(message, ExitCode.USAGE)
