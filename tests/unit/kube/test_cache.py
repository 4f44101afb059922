"""The cache: the newest record of each object, by owner."""

from dataclasses import replace

from ner_operator.kube.cache import Cache, Record, differs

RECORD = Record(namespace="nlp", name="one", uid="u1", version=7, owner_uid="d1", owner_name="owner")
KEY = ("nlp", "one")


def test_the_newest_version_stays_in_whatever_order_versions_come() -> None:
    cache = Cache[Record]()
    assert cache.put(RECORD) is None
    older = replace(RECORD, version=6, owner_name="former")
    assert cache.put(older) is older, "it brings nothing new"
    assert not differs(older, older)
    assert cache.get(KEY) is RECORD
    newer = replace(RECORD, version=8)
    assert cache.put(newer) is RECORD
    assert cache.owned_by("d1") == cache.all() == [newer]


def test_a_removed_record_leaves_nothing_behind() -> None:
    cache = Cache[Record]()
    cache.put(RECORD)
    assert cache.remove(KEY, "another") is None
    assert cache.remove(KEY, "u1") is RECORD
    assert cache.remove(KEY, "u1") is None
    assert cache.owned_by("d1") == []
    assert len(cache) == 0


def test_a_new_object_of_the_same_name_may_have_another_owner() -> None:
    cache = Cache[Record]()
    cache.put(RECORD)
    other = replace(RECORD, uid="u2", owner_uid="d2", version=8)
    assert cache.put(other) is None, "it is another object"
    assert cache.owned_by("d1") == []
    assert cache.owned_by("d2") == [other]


def test_a_record_is_absent_if_a_newer_list_lacks_it() -> None:
    cache = Cache[Record]()
    newer = replace(RECORD, name="newer", version=90)
    cache.put(RECORD)
    cache.put(newer)
    assert cache.absent_from([], version=50) == [RECORD]
    assert cache.absent_from([KEY], version=50) == []


def test_a_new_version_alone_is_no_difference() -> None:
    assert differs(None, RECORD)
    assert not differs(RECORD, replace(RECORD, version=8))
    assert differs(RECORD, replace(RECORD, version=8, owner_name="other"))
