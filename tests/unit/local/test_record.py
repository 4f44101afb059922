"""The record in the store: kept by all who write, and never needed."""

from ner_jobs.store.directory import DirectoryStore
from ner_jobs.task import Owner
from ner_operator.local.record import Record, read_record, record_key, remember, request_rerun

OWNER = Owner(namespace="nlp", name="small")


def test_there_is_an_empty_one_before_the_first(store: DirectoryStore) -> None:
    assert read_record(store, OWNER) == Record()


def test_what_is_remembered_is_added(store: DirectoryStore) -> None:
    remember(store, OWNER, {"prepare": {"version": 1}})
    remember(store, OWNER, {"export": {"version": 2}})
    request_rerun(store, OWNER, {"promote": "t"}, generation=7)
    request_rerun(store, OWNER, {"export": "u"}, generation=9)
    assert read_record(store, OWNER) == Record(
        ingredients={"prepare": {"version": 1}, "export": {"version": 2}},
        rerun={"promote": "t", "export": "u"},
        promotion_requested_generation=7,
    )


def test_a_broken_one_is_as_good_as_none(store: DirectoryStore) -> None:
    store.put(record_key(OWNER), b"{")
    assert read_record(store, OWNER) == Record()
    remember(store, OWNER, {"prepare": {}})
    assert read_record(store, OWNER).ingredients == {"prepare": {}}
