"""Which keys are in use.

Every key in a NerDeployment's status counts, in any field: so a new field
cannot be forgotten here, and a digest that is no key leads to nothing.
Pointers and the records of local plans are in the store itself.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ner_jobs.garbage.inventory import KEY
from ner_jobs.promotion.pointer import read_pointer
from ner_jobs.store.protocol import Store
from ner_jobs.task import ExitCode, Owner, PermanentError, RetryableError, canonical_digest

POINTERS, RECORDS = "promoted/", "plans/"


@dataclass(frozen=True, slots=True)
class DeploymentKeys:
    """The keys that a cluster's NerDeployments use.

    Attributes:
        keys: in their statuses.
        names: of all NerDeployments.
        unplanned: names of those that use this storage and whose keys are not known yet.
    """

    keys: frozenset[str]
    names: tuple[str, ...]
    unplanned: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoredKeys:
    """The keys that objects of the store use.

    Attributes:
        keys: in pointers, their histories and records of local plans.
        records: number of records of local plans.
        of_cluster: pointers that a NerDeployment of a cluster owns.
    """

    keys: frozenset[str]
    records: int
    of_cluster: tuple[str, ...]


def keys_of_deployments(objects: Iterable[Mapping[str, Any]], uri: str) -> DeploymentKeys:
    """The keys in the statuses of all NerDeployments, also of other storages: two URIs may be one bucket.

    Args:
        objects: as the API server lists them.
        uri: of the storage to collect.
    """
    keys: set[str] = set()
    names, unplanned = [], []
    for value in objects:
        metadata, status = value["metadata"], value.get("status", {})
        name = f"{metadata['namespace']}/{metadata['name']}"
        names.append(name)
        found = KEY.findall(json.dumps(status))
        keys.update(found)
        planned = found and status.get("observedGeneration") == metadata["generation"]
        if not planned and _same(value.get("spec", {}).get("storage", {}).get("uri", ""), uri):
            unplanned.append(name)
    return DeploymentKeys(frozenset(keys), tuple(names), tuple(unplanned))


def keys_in_use(deployments: DeploymentKeys, uri: str, allow_empty: bool) -> frozenset[str]:
    """The keys that a cluster uses, if the list is complete enough to delete by.

    Args:
        deployments: all of the cluster.
        uri: of the storage.
        allow_empty: a person confirms that there is no NerDeployment.

    Raises:
        PermanentError: there is no NerDeployment.
        RetryableError: the operator has not planned one of them yet.
    """
    if not deployments.names and not allow_empty:
        raise PermanentError(
            f"the cluster has no NerDeployment, and {uri} has artifacts: nothing is removed, since an empty "
            "list is more often a mistake (another cluster, an unfinished restore) than the truth; if it is "
            "the truth, set --allow-empty (in the chart: allowEmpty: true for this store)",
            ExitCode.CONFIGURATION,
        )
    if deployments.unplanned:
        raise RetryableError(
            f"the operator has not planned the present spec of {_first(deployments.unplanned)}, so its keys "
            f"are not known: nothing of {uri} is removed; check that the operator runs, repair what the "
            "object's conditions name, or delete it"
        )
    return deployments.keys


def recorded_keys(stored: StoredKeys, uri: str) -> frozenset[str]:
    """The keys in use in a store that no cluster uses.

    Raises:
        PermanentError: no spec was run with this store, or a cluster uses it too.
    """
    if stored.of_cluster:
        raise PermanentError(
            f"a cluster uses {uri} ({_first(stored.of_cluster)}), and only its API server knows what is in "
            "use: configure the chart's collector (garbageCollection.stores)",
            ExitCode.USAGE,
        )
    if not stored.records:
        raise PermanentError(
            f"{uri} has artifacts and no record of a plan, so nothing shows which are in use; run each spec "
            "that you keep once (nerd run), then collect",
            ExitCode.NO_INPUT,
        )
    return stored.keys


def read_stored(store: Store) -> StoredKeys:
    """Keys of pointers, their histories, and records of local plans.

    Raises:
        PermanentError: one cannot be read, so its keys are not known.
    """
    keys: set[str] = set()
    records, of_cluster = 0, []
    for item in store.list(POINTERS):
        pointer = read_pointer(store, _owner(store, item.key))
        if pointer:
            keys.update(KEY.findall(pointer.model_dump_json()))
            if pointer.owner.uid:
                of_cluster.append(item.key)
    for item in store.list(RECORDS):
        found = store.get(item.key)
        if found:
            keys.update(record_keys(found[0], f"{store.uri}/{item.key}"))
            records += 1
    return StoredKeys(frozenset(keys), records, tuple(of_cluster))


def record_keys(data: bytes, where: str) -> frozenset[str]:
    """The keys in the record of a local plan. A key is the digest of its ingredients.

    Raises:
        PermanentError: it is no record.
    """
    try:
        ingredients: Mapping[str, object] = json.loads(data)["ingredients"]
        return frozenset(canonical_digest(value) for value in ingredients.values())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PermanentError(
            f"{where} is no record of a plan ({type(error).__name__}), so its keys are not known; "
            "restore it, or delete it"
        ) from error


def _owner(store: Store, key: str) -> Owner:
    namespace, _, name = key.removeprefix(POINTERS).partition("/")
    if not name or "/" in name:
        raise PermanentError(f"{store.uri}/{key} is in the folder of pointers and is no pointer; remove it")
    return Owner(namespace=namespace, name=name)


def _first(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _same(one: str, other: str) -> bool:
    return one.rstrip("/") == other.rstrip("/")
