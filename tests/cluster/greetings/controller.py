"""A toy kind on the controller library: a Greeting owns a ConfigMap with a text, and becomes Ready."""

import sys
from dataclasses import dataclass
from typing import Self

from prometheus_client import CollectorRegistry

from ner_operator.kube.cache import Cache, Record
from ner_operator.kube.client import Api, ApiError, configure
from ner_operator.kube.events import EventRecorder
from ner_operator.kube.informers import OwnedInformer, PrimaryInformer
from ner_operator.kube.manager import Controller, Manager, ManagerSettings
from ner_operator.kube.metrics import ControllerMetrics
from ner_operator.kube.objects import Json, Key, ObjectReference, Resource, controller_of, version_of
from ner_operator.kube.patch import merge_patch
from ner_operator.kube.probes import serve
from ner_operator.kube.reconciler import Reconciler, Result
from ner_operator.kube.version_tracker import VersionTracker
from ner_operator.kube.work_queue import WorkQueue

GREETINGS = Resource("example.com", "v1", "greetings", "Greeting")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRecord(Record):
    text: str

    @classmethod
    def of(cls, obj: Json) -> Self | None:
        meta = obj["metadata"]
        owner = controller_of(meta)
        found = {"namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]}
        found |= {"version": version_of(meta), "text": (obj.get("data") or {}).get("text", "")}
        return cls(**found, owner_uid=owner["uid"], owner_name=owner["name"]) if owner else None


class GreetingReconciler:
    def __init__(self, api: Api, texts: Cache[TextRecord], events: EventRecorder) -> None:
        self._api, self._texts, self._events = api, texts, events

    def reconcile(self, key: Key) -> Result | None:
        try:
            greeting = self._api.get(GREETINGS, *key)
        except ApiError as error:
            if error.not_found:
                return None
            raise
        meta, before = greeting["metadata"], greeting.get("status") or {}
        owner = ObjectReference(GREETINGS, *key, meta["uid"], meta["resourceVersion"])
        text = f"Hello, {greeting['spec']['name']}!"
        written = self._ensure_text(owner, text)
        ready = {"type": "Ready", "status": "True", "reason": "Greeted", "message": text}
        change = merge_patch(before, {"conditions": [ready]})
        if change:
            patch = {"metadata": {"resourceVersion": meta["resourceVersion"]}, "status": change}
            meta = self._api.patch_status(GREETINGS, *key, patch)["metadata"]
            self._events.record(owner, "Normal", "Greeted", text)
        return Result(meta["uid"], version_of(meta), written or bool(change))

    def _ensure_text(self, owner: ObjectReference, text: str) -> bool:
        known = self._texts.owned_by(owner.uid)
        if known and known[0].text == text:
            return False
        for record in known:
            self._api.delete(CONFIG_MAPS, record.namespace, record.name, record.uid)
        meta = {
            "name": owner.name,
            "labels": {"app": "greeter"},
            "ownerReferences": [owner.owner_reference()],
        }
        stored = TextRecord.of(
            self._api.create(CONFIG_MAPS, owner.namespace, {"metadata": meta, "data": {"text": text}})
        )
        if stored:
            self._texts.put(stored)
        return True


def greeting_controller(api: Api, metrics: ControllerMetrics) -> Controller:
    queue, versions, texts = WorkQueue(), VersionTracker(), Cache[TextRecord]()
    reconciler = GreetingReconciler(api, texts, EventRecorder(api, "greeter"))
    owned = OwnedInformer(CONFIG_MAPS, queue, texts, TextRecord.of, selector="app=greeter")
    primary = PrimaryInformer(GREETINGS, queue, versions, on_deleted=lambda key: None)
    return Controller((owned, primary), Reconciler(queue, versions, metrics, reconciler.reconcile))


if __name__ == "__main__":
    api, metrics = Api(configure()), ControllerMetrics(CollectorRegistry(), "greeter")
    settings = ManagerSettings(namespaces=(sys.argv[1],), workers=2, resync=1.0, watch_timeout=600.0)
    manager = Manager(api, [greeting_controller(api, metrics)], metrics, settings)
    serve(int(sys.argv[2]), manager.registry, manager.liveness)
    if why := manager.read_cluster():
        raise SystemExit(why)
    manager.run()
