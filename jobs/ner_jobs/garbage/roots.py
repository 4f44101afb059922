"""What is alive, as keys that it names.

Of a NerDeployment's status every key counts, wherever it stands: a field that
is added one day cannot be forgotten here, and a digest that is no key reaches
nothing. A pointer and the record of a local plan live in the store itself.
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
class Census:
    """The NerDeployments of a cluster.

    Attributes:
        keys: that their statuses name.
        names: of all of them.
        unplanned: of those that use this storage and whose keys are not known yet.
    """

    keys: frozenset[str]
    names: tuple[str, ...]
    unplanned: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """What lives in the store itself.

    Attributes:
        keys: that pointers, their histories and records name.
        records: how many local plans there are records of.
        of_cluster: names of pointers that a NerDeployment of a cluster owns.
    """

    keys: frozenset[str]
    records: int
    of_cluster: tuple[str, ...]


def census_of(objects: Iterable[Mapping[str, Any]], uri: str) -> Census:
    """What the NerDeployments of a cluster name.

    Keys of all of them count, whatever their storage: two names may lead to one bucket.

    Args:
        objects: as the API server lists them.
        uri: of the storage that is collected.
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
    return Census(frozenset(keys), tuple(names), tuple(unplanned))


def living_keys(census: Census, uri: str, emptied: bool) -> frozenset[str]:
    """The keys of all that lives in a cluster, where the list says enough to delete by.

    Args:
        census: all of the cluster.
        uri: of the storage.
        emptied: a person says that no NerDeployment is right.

    Raises:
        PermanentError: there is none at all.
        RetryableError: the operator has not planned one of them yet.
    """
    if not census.names and not emptied:
        raise PermanentError(
            f"the cluster has no NerDeployment, and {uri} has artifacts: nothing is removed, since an empty "
            "list is more often a mistake (another cluster, a restore that is not over) than the truth; "
            "if it is true, use --allow-empty (in the chart: allowEmpty: true for this store)",
            ExitCode.CONFIGURATION,
        )
    if census.unplanned:
        raise RetryableError(
            f"the operator has not planned {_first(census.unplanned)} as it stands, so its keys are not "
            f"known: nothing of {uri} is removed; see that the operator runs, mend what the object's "
            "conditions say, or delete it"
        )
    return census.keys


def recorded_keys(stored: Stored, uri: str) -> frozenset[str]:
    """The keys of all that lives in a store which no cluster uses, where the store says enough to delete by.

    Raises:
        PermanentError: nobody has run a spec here, or a cluster uses this store too.
    """
    if stored.of_cluster:
        raise PermanentError(
            f"a cluster uses {uri} ({_first(stored.of_cluster)}), and only its API server knows what lives: "
            "let the chart's collector do it (garbageCollection.stores)",
            ExitCode.USAGE,
        )
    if not stored.records:
        raise PermanentError(
            f"{uri} has artifacts and no record of a plan, so nothing says which of them somebody wants; run "
            "the specs that you keep once (nerd run), then collect",
            ExitCode.NO_INPUT,
        )
    return stored.keys


def read_stored(store: Store) -> Stored:
    """Pointers with their histories, and records of local plans.

    Raises:
        PermanentError: one cannot be read, so what it names is not known.
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
    return Stored(frozenset(keys), records, tuple(of_cluster))


def record_keys(data: bytes, where: str) -> frozenset[str]:
    """The keys in the record of a local plan: a key is the digest of its ingredients.

    Raises:
        PermanentError: it is no record.
    """
    try:
        ingredients: Mapping[str, object] = json.loads(data)["ingredients"]
        return frozenset(canonical_digest(value) for value in ingredients.values())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PermanentError(
            f"{where} is no record of a plan ({type(error).__name__}), so what it keeps is not known; "
            "restore it, or delete it"
        ) from error


def _owner(store: Store, key: str) -> Owner:
    namespace, _, name = key.removeprefix(POINTERS).partition("/")
    if not name or "/" in name:
        raise PermanentError(
            f"{store.uri}/{key} is where pointers are and is none, so what it names is not known; remove it"
        )
    return Owner(namespace=namespace, name=name)


def _first(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _same(one: str, other: str) -> bool:
    return one.rstrip("/") == other.rstrip("/")
