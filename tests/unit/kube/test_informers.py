"""Informers: which events request a reconcile, of which object, and how soon; and what a comparison finds."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Self

import pytest

from ner_operator.kube.cache import Cache, Record
from ner_operator.kube.client import ApiError
from ner_operator.kube.informers import Comparison, OwnedInformer, PrimaryInformer, ReferencedInformer
from ner_operator.kube.objects import JOBS, Json, Key, Resource, controller_of, key_of, version_of
from ner_operator.kube.version_tracker import VersionTracker
from ner_operator.kube.work_queue import WorkQueue

WIDGETS = Resource("example.com", "v1", "widgets", "Widget")
COLOURS = Resource("example.com", "v1", "colours", "Colour", namespaced=False)
SETTLING = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord(Record):
    state: str

    @classmethod
    def of(cls, job: Json) -> Self | None:
        meta = job["metadata"]
        owner = controller_of(meta)
        if not owner:
            return None
        return cls(
            namespace=meta["namespace"],
            name=meta["name"],
            uid=meta["uid"],
            version=version_of(meta),
            owner_uid=owner["uid"],
            owner_name=owner["name"],
            state=job["state"],
        )

    @property
    def urgent(self) -> bool:
        return self.state == "ended"

    def requeue_delay(self, former: Self | None) -> float | None:
        if former is None and self.state == "waits":
            return None
        return SETTLING if self.state == "runs" else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Colour(Record):
    value: str

    @classmethod
    def of(cls, colour: Json) -> Self | None:
        meta = colour["metadata"]
        if not colour["value"]:
            return None
        return cls(
            namespace="", name=meta["name"], uid=meta["uid"], version=version_of(meta), value=colour["value"]
        )


def meta(name: str, version: int, **more: Any) -> Json:
    return {
        "namespace": "nlp",
        "name": name,
        "uid": f"uid-{name}",
        "resourceVersion": str(version),
        **more,
    }


def widget(name: str, version: int = 1) -> Json:
    return {"metadata": meta(name, version)}


def job(owner: str, version: int, state: str) -> Json:
    """The only Job of a widget."""
    reference = {"name": owner, "uid": f"uid-{owner}", "controller": True}
    return {"metadata": meta(f"job-{owner}", version, ownerReferences=[reference]), "state": state}


def colour(version: int, value: str) -> Json:
    found = {"metadata": meta("red", version), "value": value}
    del found["metadata"]["namespace"]
    return found


@dataclass
class Lists:
    """The server's lists of one resource, as the client returns them: two objects in a page."""

    objects: dict[Key, Json] = field(default_factory=dict)
    version: int = 0

    def have(self, obj: Json) -> None:
        self.objects[key_of(obj["metadata"])] = obj
        self.version = max(self.version, version_of(obj["metadata"]))

    def pages(self, resource: Resource, namespace: str | None, **_: Any) -> Iterator[Json]:
        found = list(self.objects.values())
        for at in range(0, max(1, len(found)), 2):
            yield {"metadata": {"resourceVersion": str(self.version)}, "items": found[at : at + 2]}

    def get(self, resource: Resource, namespace: str, name: str) -> Json:
        if (namespace, name) not in self.objects:
            raise ApiError(404, "NotFound", "gone")
        return self.objects[namespace, name]


@dataclass
class Parts:
    queue: WorkQueue
    versions: VersionTracker
    jobs: Cache[JobRecord]
    colours: Cache[Colour]
    deleted: list[Key]
    primary: PrimaryInformer
    owned: OwnedInformer[JobRecord]
    referenced: ReferencedInformer[Colour]


@pytest.fixture
def parts(clock: Any) -> Parts:
    queue, versions = WorkQueue(clock, jitter=lambda: 1.0), VersionTracker()
    jobs, colours = Cache[JobRecord](), Cache[Colour]()
    deleted: list[Key] = []
    return Parts(
        queue,
        versions,
        jobs,
        colours,
        deleted,
        PrimaryInformer(WIDGETS, queue, versions, deleted.append),
        OwnedInformer(JOBS, queue, jobs, JobRecord.of),
        ReferencedInformer(COLOURS, queue, colours, Colour.of, versions),
    )


def reconcile(parts: Parts, key: Key, version: int, references: tuple[str, ...] = ()) -> None:
    """Take a key that is due, and finish its reconcile."""
    assert parts.queue.get() == key
    parts.versions.begin(key)
    parts.versions.finish(key, f"uid-{key[1]}", version, references)
    parts.queue.done(key)


def test_an_urgent_change_comes_before_others(parts: Parts, clock: Any) -> None:
    parts.owned.update(job("trained", 5, "runs"))
    for number in range(3):
        parts.primary.update(widget(f"new-{number}"))
    clock.now += 1.0
    parts.owned.update(job("trained", 6, "ended"))
    assert parts.queue.get() == ("nlp", "trained")
    assert parts.queue.get() == ("nlp", "new-0")


def test_a_record_can_delay_the_reconcile_of_its_owner(parts: Parts, clock: Any) -> None:
    parts.owned.update(job("training", 5, "runs"))
    assert parts.queue.depth == 0
    clock.now += SETTLING
    assert parts.queue.get() == ("nlp", "training")


def test_a_change_that_is_known_requests_nothing(parts: Parts) -> None:
    for _ in range(2):
        parts.owned.update(job("trained", 6, "ended"))
    assert parts.queue.get() == ("nlp", "trained")
    parts.queue.done(("nlp", "trained"))
    parts.owned.update(job("trained", 6, "ended"))
    assert parts.queue.depth == 0


def test_a_deleted_object_requests_a_reconcile_of_its_owner(parts: Parts) -> None:
    waiting = job("waiting", 5, "waits")
    parts.owned.update(waiting)
    assert parts.queue.depth == 0, "a reconcile has just created it"
    parts.owned.remove(waiting)
    assert parts.queue.get() == ("nlp", "waiting")


def test_a_deleted_primary_object_is_reported_and_not_reconciled(parts: Parts) -> None:
    parts.primary.update(widget("old"))
    parts.primary.remove(widget("old"))
    assert parts.deleted == [("nlp", "old")]
    assert parts.queue.depth == 0


def test_an_object_that_belongs_to_nobody_requests_nothing(parts: Parts) -> None:
    foreign = job("theirs", 5, "ended")
    del foreign["metadata"]["ownerReferences"]
    parts.owned.update(foreign)
    parts.owned.remove(foreign)
    assert parts.queue.depth == 0


def test_a_referenced_object_requests_a_reconcile_of_its_referrers_if_it_changes(parts: Parts) -> None:
    for name in ("painted", "plain"):
        parts.primary.update(widget(name))
        reconcile(parts, ("nlp", name), 1, ("red",) if name == "painted" else ())
    for version, value, due in ((5, "#f00", 1), (6, "#f00", 0), (5, "#fff", 0), (7, "#f11", 1)):
        parts.referenced.update(colour(version, value))
        assert parts.queue.depth == due, version
        if due:
            reconcile(parts, ("nlp", "painted"), 1, ("red",))
    parts.referenced.update(colour(8, ""))
    assert parts.colours.all() == [], "it cannot be used"
    reconcile(parts, ("nlp", "painted"), 1, ("red",))


def test_the_first_read_requests_a_reconcile_of_everything(parts: Parts) -> None:
    widgets, jobs = Lists(), Lists()
    for name in ("a", "b", "c"):
        widgets.have(widget(name))
    jobs.have(job("a", 5, "ended"))
    parts.owned.read(jobs, [None])
    parts.primary.read(widgets, [None])
    assert parts.queue.depth == 3
    assert len(parts.jobs) == 1


@pytest.mark.parametrize("what", ["primary", "owned"])
def test_a_change_that_no_watch_reports_is_suspected_first_and_missed_then(parts: Parts, what: str) -> None:
    lists = Lists()
    lists.have(widget("one", 7) if what == "primary" else job("one", 7, "ended"))
    informer: PrimaryInformer | OwnedInformer[JobRecord] = getattr(parts, what)
    assert informer.compare(lists, [None]) == Comparison(missed=0, suspected=1)
    assert parts.queue.depth == 0, "the watch may be about to report it"
    assert informer.compare(lists, [None]) == Comparison(missed=1, suspected=0)
    reconcile(parts, ("nlp", "one"), 7)
    assert informer.compare(lists, [None]) == Comparison()
    assert parts.queue.depth == 0


def test_a_suspected_change_that_the_watch_reports_was_not_missed(parts: Parts) -> None:
    lists = Lists()
    lists.have(job("one", 7, "ended"))
    parts.owned.compare(lists, [None])
    parts.owned.update(job("one", 7, "ended"))
    assert parts.owned.compare(lists, [None]) == Comparison()


def test_what_a_list_lacks_is_gone_unless_it_is_newer(parts: Parts) -> None:
    lists = Lists(version=50)
    parts.primary.update(widget("old", 7))
    parts.primary.update(widget("new", 51))
    parts.owned.update(job("old", 7, "ended"))
    parts.owned.update(job("new", 51, "ended"))
    parts.referenced.update(colour(7, "#f00"))
    for informer in (parts.primary, parts.owned, parts.referenced):
        informer.compare(lists, [None])
    assert parts.deleted == [("nlp", "old")]
    assert [record.name for record in parts.jobs.all()] == ["job-new"]
    assert parts.colours.all() == []


def test_a_list_of_one_namespace_says_nothing_about_another(parts: Parts) -> None:
    parts.primary.update(widget("one", 7))
    record = JobRecord.of(job("one", 7, "ended"))
    assert record is not None
    parts.jobs.put(replace(record, namespace="other"))
    for informer in (parts.primary, parts.owned):
        informer.compare(Lists(version=50), ["third"])
    assert (parts.deleted, len(parts.jobs)) == ([], 1)
