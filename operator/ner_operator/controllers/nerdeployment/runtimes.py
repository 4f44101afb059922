"""What is cached of each NerRuntime: its spec."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from pydantic import ValidationError

from ner_operator.api.v1alpha1 import NerRuntimeSpec
from ner_operator.kube.cache import Record
from ner_operator.kube.objects import version_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeRecord(Record):
    """A NerRuntime."""

    spec: NerRuntimeSpec

    @classmethod
    def of(cls, runtime: Mapping[str, Any]) -> Self | None:
        """The record of a NerRuntime; None if this release cannot read its spec."""
        meta = runtime["metadata"]
        try:
            spec = NerRuntimeSpec.model_validate(runtime.get("spec") or {})
        except ValidationError as error:
            # The API server has accepted it, so its CRD is of another release than this operator.
            logger.error("cannot use NerRuntime %s: %s", meta["name"], error)
            return None
        return cls(namespace="", name=meta["name"], uid=meta["uid"], version=version_of(meta), spec=spec)
