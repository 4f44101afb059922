"""The NerRuntimes of the cluster: few, so all are kept."""

import logging
import threading
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from ner_operator.api.v1alpha1 import NerRuntimeSpec
from ner_operator.controllers.nerdeployment.job_index import version_of

logger = logging.getLogger(__name__)


class Runtimes:
    """Their specs by name; safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._specs: dict[str, NerRuntimeSpec] = {}
        self._versions: dict[str, int] = {}

    def put(self, runtime: Mapping[str, Any]) -> bool:
        """Keep what the server has, unless a newer one is kept.

        Returns:
            Whether that changes what a plan may rest on.
        """
        meta = runtime["metadata"]
        name, version = meta["name"], version_of(meta)
        try:
            spec = NerRuntimeSpec.model_validate(runtime.get("spec") or {})
        except ValidationError as error:
            # The server let it pass: its CRD is of another release than this operator.
            logger.error("NerRuntime %s cannot be used: %s", name, error)
            return self.drop(name)
        with self._lock:
            if self._versions.get(name, -1) >= version:
                return False
            self._versions[name] = version
            changed = self._specs.get(name) != spec
            self._specs[name] = spec
            return changed

    def drop(self, name: str) -> bool:
        """Forget one that is gone; returns whether it was there."""
        with self._lock:
            self._versions.pop(name, None)
            return self._specs.pop(name, None) is not None

    def all(self) -> Mapping[str, NerRuntimeSpec]:
        """A copy of all, by name."""
        with self._lock:
            return dict(self._specs)
