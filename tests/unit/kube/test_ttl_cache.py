"""A namespace is read once for all who ask within some seconds."""

import pytest

from ner_operator.kube.ttl_cache import FRESH, TTLCache


class Cluster:
    """Namespaces with something in them; remembers which were read."""

    def __init__(self) -> None:
        self.has: dict[str, tuple[str, ...]] = {}
        self.read_of: list[str] = []
        self.now = 1000.0

    def read(self, namespace: str) -> tuple[str, ...]:
        self.read_of.append(namespace)
        return self.has[namespace]


def test_one_read_serves_all_who_ask_within_some_seconds() -> None:
    cluster = Cluster()
    cluster.has = {"nlp": (), "elsewhere": ("its own",)}
    cache = TTLCache(cluster.read, lambda: cluster.now)
    assert cache.get("nlp") == ()
    cluster.has["nlp"] = ("news",)
    cluster.now += FRESH - 1
    assert cache.get("nlp") == ()
    cluster.now += 1
    assert cache.get("nlp") == ("news",)
    assert cache.get("elsewhere") == ("its own",)
    assert cluster.read_of == ["nlp", "nlp", "elsewhere"]


def test_what_failed_is_read_again() -> None:
    cluster = Cluster()
    cache = TTLCache(cluster.read, lambda: cluster.now)
    for _ in range(2):
        with pytest.raises(KeyError, match="nlp"):
            cache.get("nlp")
    cluster.has["nlp"] = ("there",)
    assert cache.get("nlp") == ("there",)
    assert cluster.read_of == ["nlp", "nlp", "nlp"]
