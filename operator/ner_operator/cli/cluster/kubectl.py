"""kubectl as a program: the command line reaches a cluster through it alone."""

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
from ner_operator.api.meta import GROUP
from ner_operator.api.v1alpha1.version import API_VERSION

KIND = f"nerdeployments.{GROUP}"
MANAGER = "nerd"
"""The field manager of these commands. Flux reverts what a manager wrote whose name begins with kubectl, and
a command that is in no repository has to stay."""

_REASON = re.compile(r"\(([A-Z][A-Za-z]+)\)(?:: |$)")
"""The API's reason in what kubectl prints: `Error from server (NotFound): …`, `… (Unauthorized)`.

kubectl prints a Status object in no structured form. This token is its `reason`: a constant of the API, the
same in every language and version.
"""
_RETRYABLE = ("ServiceUnavailable", "ServerTimeout", "Timeout", "TooManyRequests", "InternalError")
_LOG_LINE = re.compile(r"Warning:|[EIW]\d{4} ")
_PROBE = ("--request-timeout=10s", "--raw")


class ConflictError(RetryableError):
    """The object has changed since it was read."""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl with the options that name the cluster and the namespace.

    Attributes:
        namespace: None takes the context's.
        everywhere: all namespaces.
    """

    namespace: str | None = None
    context: str | None = None
    kubeconfig: str | None = None
    everywhere: bool = False

    def json(self, *arguments: str) -> Any:
        """The JSON that kubectl prints; None if it prints nothing.

        Raises:
            StageError: kubectl failed; the exit code says whether trying again can help.
        """
        printed = self.text(*arguments, "--output=json")
        return json.loads(printed) if printed.strip() else None

    def text(self, *arguments: str) -> str:
        """The text that kubectl prints.

        Raises:
            StageError: as for `json`.
        """
        done = self._run(arguments)
        if done.returncode:
            raise self._error(message_of(done.stderr))
        return done.stdout

    def find(self, kind: str, name: str) -> Any:
        """An object as JSON; None if the kind is served and has no such object.

        Raises:
            StageError: as for `json`.
        """
        found = self.json("get", kind, name, "--ignore-not-found")
        if found is None and not self._serves_our_kinds():
            raise _no_such_kind()
        return found

    def stream(self, *arguments: str) -> int:
        """Let kubectl print to this terminal; returns its exit code."""
        return subprocess.run(self._command(arguments), check=False).returncode

    def _error(self, message: str) -> StageError:
        """The error behind a failure, found with more calls if the API gave no reason."""
        if error := error_of(message):
            return error
        if not self._has_context():
            return PermanentError(message, ExitCode.USAGE)
        if not self._answers("/version"):
            return RetryableError(f"the cluster does not answer: {message}")
        if not self._serves_our_kinds():
            return _no_such_kind()
        return PermanentError(message, ExitCode.USAGE)

    def _has_context(self) -> bool:
        """Whether the kubeconfig has the context. Without any kubeconfig kubectl tries the pod's cluster."""
        done = self._run(("config", "view", "--output=json"))
        if done.returncode:
            return False
        config = json.loads(done.stdout)
        wanted = self.context or config["current-context"]
        known = {context["name"] for context in config["contexts"] or ()}
        return wanted in known if wanted or self.kubeconfig else True

    def _serves_our_kinds(self) -> bool:
        return self._answers(f"/apis/{API_VERSION}")

    def _answers(self, path: str) -> bool:
        """Whether the API server answers for a path; a refusal for lack of rights is an answer."""
        done = self._run(("get", *_PROBE, path))
        refused = _REASON.search(message_of(done.stderr))
        return done.returncode == 0 or (refused is not None and refused[1] in ("Forbidden", "Unauthorized"))

    def _run(self, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self._command(arguments), capture_output=True, text=True, check=False)

    def _command(self, arguments: Sequence[str]) -> list[str]:
        where = {"namespace": self.namespace, "context": self.context, "kubeconfig": self.kubeconfig}
        options = [f"--{name}={value}" for name, value in where.items() if value is not None]
        return [find_kubectl(), *arguments, *options, *(["--all-namespaces"] if self.everywhere else [])]


def find_kubectl() -> str:
    """The path of kubectl: on PATH, else in this program's folder.

    Raises:
        PermanentError: it is not installed.
    """
    folders = str(Path(sys.argv[0]).parent) + os.pathsep + str(Path(sys.executable).parent)
    found = shutil.which("kubectl") or shutil.which("kubectl", path=folders)
    if found is None:
        raise PermanentError(
            "kubectl is not installed, and a cluster is reached through it; install it, or name a spec's "
            "file with -f to work here",
            ExitCode.CONFIGURATION,
        )
    return found


def message_of(stderr: str) -> str:
    """The standard error of kubectl in one line, without warnings and lines of its log."""
    lines = [line.strip() for line in stderr.splitlines() if not _LOG_LINE.match(line)]
    return " ".join(filter(None, lines)).removeprefix("error: ") or "kubectl failed without a message"


def error_of(message: str) -> StageError | None:
    """The error of a message with the API's reason in it; None if it has none."""
    found = _REASON.search(message)
    if found is None:
        return None
    rest = message[found.end() :] or message
    match found[1]:
        case "NotFound":
            return PermanentError(f"{rest}; kubectl nerd list shows what there is", ExitCode.NO_INPUT)
        case "Conflict":
            return ConflictError(f"somebody else changed it at the same moment; try again ({rest})")
        case "Forbidden" | "Unauthorized":
            return PermanentError(rest, ExitCode.CONFIGURATION)
        case "Invalid" | "BadRequest":
            return PermanentError(rest, ExitCode.DATA)
        case reason if reason in _RETRYABLE:
            return RetryableError(f"the cluster does not answer: {rest}")
        case _:
            return PermanentError(rest, ExitCode.USAGE)


def _no_such_kind() -> StageError:
    return PermanentError(
        "this cluster knows no NerDeployment: the operator is not installed there (docs/install.md), or "
        "this is another cluster than you meant (kubectl config current-context)",
        ExitCode.CONFIGURATION,
    )
