"""Informers: what a controller knows of one resource, kept current by a watch and compared with lists.

There are three, as in other controller libraries: the primary resource is
reconciled; owned objects request a reconcile of their owner; referenced
objects request one of everything that refers to them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Generic

from ner_operator.kube.cache import Cache, R, differs
from ner_operator.kube.client import Api, ApiError
from ner_operator.kube.objects import Json, Key, Resource, key_of, version_of
from ner_operator.kube.version_tracker import VersionTracker
from ner_operator.kube.work_queue import WorkQueue

Namespaces = Sequence[str | None]
"""The namespaces to list; None stands for the whole cluster."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison with the server's list has found.

    Attributes:
        missed: changes that the watch has not reported.
        suspected: changes that the watch may still report. The next comparison knows.
    """

    missed: int = 0
    suspected: int = 0


@dataclass(eq=False, slots=True)
class Informer(ABC):
    """What a controller knows of one resource. `update` and `remove` are safe for many threads.

    A list may be ahead of the watch by a moment. So a version that the watch
    has not reported is only suspected first; if it is still unreported in the
    next comparison, the watch has missed it. Deletions are found in lists too:
    a watch that was interrupted does not report them.

    Attributes:
        selector: label selector of the objects; empty for all.
        reads_metadata: whether the first read needs no more than metadata.
    """

    reads_metadata: ClassVar[bool] = False

    resource: Resource
    queue: WorkQueue
    selector: str = field(default="", kw_only=True)
    _suspected: dict[Key, int] = field(default_factory=dict, init=False)

    @abstractmethod
    def update(self, obj: Json) -> None:
        """An object was created or changed."""

    def remove(self, obj: Json) -> None:
        """An object was deleted."""
        self._remove(key_of(obj["metadata"]), obj["metadata"]["uid"])

    def read(self, api: Api, namespaces: Namespaces) -> None:
        """Read all objects for the first time.

        Raises:
            ApiError: the server does not answer.
        """
        for namespace in namespaces:
            for page in self._pages(api, namespace, self.reads_metadata):
                for obj in page["items"]:
                    self.update(obj)

    def compare(self, api: Api, namespaces: Namespaces) -> Comparison:
        """Compare names and versions with the server's lists, and request a reconcile where they differ.

        Raises:
            ApiError: the server does not answer.
        """
        missed, suspected = 0, dict[Key, int]()
        for namespace in namespaces:
            listed, list_version = set[Key](), 0
            for page in self._pages(api, namespace, metadata_only=True):
                list_version = version_of(page["metadata"])
                for item in page["items"]:
                    meta = item["metadata"]
                    key, version = key_of(meta), version_of(meta)
                    listed.add(key)
                    former = self._suspected.get(key)
                    if former is not None and not self._knows(meta, former):
                        missed += 1
                        self._catch_up(api, item)
                    elif not self._knows(meta, version):
                        suspected[key] = version
            self._remove_absent(listed, list_version, namespace)
        self._suspected = suspected
        return Comparison(missed, len(suspected))

    def _pages(self, api: Api, namespace: str | None, metadata_only: bool) -> Iterator[Json]:
        return api.pages(self.resource, namespace, labels=self.selector, metadata_only=metadata_only)

    def _remove_absent(self, listed: Container[Key], version: int, namespace: str | None) -> None:
        for key, uid in self._absent_from(listed, version):
            if namespace in (None, key[0]):
                self._remove(key, uid)

    @abstractmethod
    def _remove(self, key: Key, uid: str) -> None:
        """An object was deleted."""

    @abstractmethod
    def _knows(self, meta: Json, version: int) -> bool:
        """Whether this version of an object, or a later one, is known."""

    @abstractmethod
    def _catch_up(self, api: Api, item: Json) -> None:
        """Do what the watch should have caused.

        Args:
            item: the metadata of the object.
        """

    @abstractmethod
    def _absent_from(self, listed: Container[Key], version: int) -> list[tuple[Key, str]]:
        """Keys and UIDs that are missing from a list of this version although they are not newer than it."""


@dataclass(eq=False, slots=True)
class PrimaryInformer(Informer):
    """Requests a reconcile of each object that has changed.

    Attributes:
        on_deleted: called with the key of each deleted object.
    """

    reads_metadata: ClassVar[bool] = True

    versions: VersionTracker
    on_deleted: Callable[[Key], None]

    def update(self, obj: Json) -> None:
        """An object was created or changed."""
        meta = obj["metadata"]
        key = key_of(meta)
        if self.versions.observe(key, meta["uid"], version_of(meta)):
            self.queue.add(key)

    def _remove(self, key: Key, uid: str) -> None:
        self.versions.remove(key, uid)
        self.queue.forget(key)
        self.on_deleted(key)

    def _knows(self, meta: Json, version: int) -> bool:
        return self.versions.has_observed(key_of(meta), meta["uid"], version)

    def _catch_up(self, api: Api, item: Json) -> None:
        self.update(item)

    def _absent_from(self, listed: Container[Key], version: int) -> list[tuple[Key, str]]:
        return self.versions.absent_from(listed, version)


@dataclass(eq=False, slots=True)
class OwnedInformer(Informer, Generic[R]):
    """Caches a record of each owned object, and requests a reconcile of the owner when one changes.

    Attributes:
        parse: the record of an object; None if the controller has no use for the object.
    """

    cache: Cache[R]
    parse: Callable[[Json], R | None]

    def update(self, obj: Json) -> None:
        """An object was created or changed."""
        record = self.parse(obj)
        if record is None:
            self.remove(obj)
            return
        former = self.cache.put(record)
        if not differs(former, record):
            return
        delay = record.requeue_delay(former)
        for key in self._dependents(record):
            if record.urgent:
                self.queue.prioritize(key)
            elif delay is not None:
                self.queue.add(key, delay)

    def _dependents(self, record: R) -> list[Key]:
        """The objects to reconcile when the record has changed."""
        return [(record.namespace, record.owner_name)]

    def _remove(self, key: Key, uid: str) -> None:
        record = self.cache.remove(key, uid)
        for dependent in self._dependents(record) if record else ():
            self.queue.add(dependent)

    def _knows(self, meta: Json, version: int) -> bool:
        record = self.cache.get(key_of(meta))
        return record is not None and record.version >= version

    def _catch_up(self, api: Api, item: Json) -> None:
        try:
            self.update(api.get(self.resource, *key_of(item["metadata"])))
        except ApiError as error:
            if not error.not_found:
                raise

    def _absent_from(self, listed: Container[Key], version: int) -> list[tuple[Key, str]]:
        absent = self.cache.absent_from(listed, version)
        return [((record.namespace, record.name), record.uid) for record in absent]


@dataclass(eq=False, slots=True)
class ReferencedInformer(OwnedInformer[R]):
    """Caches a record of each cluster-scoped object, and requests a reconcile of what refers to it."""

    versions: VersionTracker

    def read(self, api: Api, namespaces: Namespaces) -> None:
        """Cache every object."""
        self.compare(api, namespaces)

    def compare(self, api: Api, namespaces: Namespaces) -> Comparison:
        """Read every object again: there are few."""
        listed, list_version = set[Key](), 0
        for page in self._pages(api, None, metadata_only=False):
            list_version = version_of(page["metadata"])
            for obj in page["items"]:
                listed.add(key_of(obj["metadata"]))
                self.update(obj)
        self._remove_absent(listed, list_version, None)
        return Comparison()

    def _dependents(self, record: R) -> list[Key]:
        return self.versions.referrers(record.name)
