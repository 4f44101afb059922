"""Kubernetes objects as JSON: resources, keys, what their metadata says, and references to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Json = dict[str, Any]

Key = tuple[str, str]
"""Namespace and name of an object. The namespace of a cluster-scoped object is empty."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of objects, and where the API server serves them."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """`batch/v1`; `v1` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def root(self) -> str:
        """Path of the group and version."""
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"

    def path(self, namespace: str | None, name: str = "", subresource: str = "") -> str:
        """Path of one object, or of a list.

        Args:
            namespace: None for all namespaces, and for a cluster-scoped resource.
            name: empty for the list.
        """
        parts = [self.root]
        if namespace is not None:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/".join(parts)


JOBS = Resource("batch", "v1", "jobs", "Job")
PODS = Resource("", "v1", "pods", "Pod")
EVENTS = Resource("", "v1", "events", "Event")


@dataclass(frozen=True, slots=True)
class ObjectReference:
    """One object: what an Event is about, or who owns another object."""

    resource: Resource
    namespace: str
    name: str
    uid: str
    resource_version: str = ""

    def owner_reference(self) -> Json:
        """The entry in `metadata.ownerReferences` of an object that this one controls."""
        return {
            "apiVersion": self.resource.api_version,
            "kind": self.resource.kind,
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            # True would need a right on the owner's finalizers, and nobody grants it.
            "blockOwnerDeletion": False,
        }


def key_of(meta: Mapping[str, Any]) -> Key:
    """Namespace and name in an object's metadata."""
    return meta.get("namespace", ""), meta["name"]


def version_of(meta: Mapping[str, Any]) -> int:
    """`resourceVersion` as a number. It only grows, across all objects of a server."""
    return int(meta["resourceVersion"])


def controller_of(meta: Mapping[str, Any]) -> Mapping[str, Any]:
    """The owner reference of the object's controller; empty if it has none."""
    references = meta.get("ownerReferences") or ()
    return next((each for each in references if each.get("controller")), {})


def seconds(timestamp: str | None) -> float | None:
    """A timestamp of the API in seconds since the epoch."""
    return datetime.fromisoformat(timestamp).timestamp() if timestamp else None
