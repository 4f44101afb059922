"""The commit of a branch of the Hugging Face hub: a key must not depend on a name that moves."""

import json
import os
import re
import urllib.parse
import urllib.request
from collections.abc import Mapping

from ner_jobs.task.parameters import PrepareParameters

SECONDS = 10.0
_COMMIT = re.compile(r"[0-9a-f]{40}")


def with_commit(parameters: PrepareParameters, former: Mapping[str, object]) -> PrepareParameters:
    """The parameters with the branch of the base model resolved to its commit.

    Without a network it is the commit that was last resolved for the same base. Without that, the branch
    stays as it is written, and prepare says what is wrong.

    Args:
        parameters: whose base is a hub id.
        former: the ingredients of prepare's last key.
    """
    branch = parameters.revision or "main"
    if _COMMIT.fullmatch(branch):
        return parameters
    commit = commit_of(parameters.base, branch) or _former_commit(parameters.base, former)
    return parameters.model_copy(update={"revision": commit}) if commit else parameters


def commit_of(base: str, branch: str) -> str | None:
    """The commit of a branch or tag of a hub model; None if the hub does not answer."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "ON", "YES"):
        return None
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    url = f"{endpoint}/api/models/{urllib.parse.quote(base)}/revision/{urllib.parse.quote(branch, safe='')}"
    request = urllib.request.Request(url, headers={"User-Agent": "nerdeployment"})
    if token := os.environ.get("HF_TOKEN"):
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            commit = json.load(answer).get("sha", "")
    except (OSError, ValueError, AttributeError):
        return None
    return commit if isinstance(commit, str) and _COMMIT.fullmatch(commit) else None


def _former_commit(base: str, former: Mapping[str, object]) -> str | None:
    parameters = former.get("parameters")
    if not isinstance(parameters, Mapping) or parameters.get("base") != base:
        return None
    commit = parameters.get("revision")
    return commit if isinstance(commit, str) and _COMMIT.fullmatch(commit) else None
