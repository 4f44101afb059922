"""The version tracker: which versions are new, and which are an echo of our own writes."""

import pytest

from ner_operator.kube.version_tracker import VersionTracker

KEY = ("nlp", "one")


@pytest.fixture
def versions() -> VersionTracker:
    made = VersionTracker()
    assert made.observe(KEY, "u1", 10), "a new object is reconciled"
    made.begin(KEY)
    assert not made.finish(KEY, "u1", 12, ("shared",))
    return made


def test_the_echo_of_our_own_write_requests_nothing(versions: VersionTracker) -> None:
    assert not versions.observe(KEY, "u1", 12)
    assert not versions.observe(KEY, "u1", 11), "a list that repeats an old version requests nothing"
    assert versions.observe(KEY, "u1", 13)


def test_an_echo_during_the_reconcile_requests_nothing(versions: VersionTracker) -> None:
    versions.begin(KEY)
    assert not versions.observe(KEY, "u1", 20)
    assert not versions.finish(KEY, "u1", 20, ())


def test_a_change_during_a_reconcile_requests_another(versions: VersionTracker) -> None:
    versions.begin(KEY)
    assert not versions.observe(KEY, "u1", 21)
    assert versions.finish(KEY, "u1", 20, ())


def test_after_a_failed_reconcile_the_next_event_requests_one(versions: VersionTracker) -> None:
    versions.begin(KEY)
    versions.abort(KEY)
    assert versions.observe(KEY, "u1", 13)


def test_a_new_object_of_the_same_name_outlives_the_old_one(versions: VersionTracker) -> None:
    assert versions.observe(KEY, "u2", 30)
    versions.remove(KEY, "u1")
    assert len(versions) == 1
    versions.remove(KEY, "u2")
    assert len(versions) == 0


def test_an_object_is_absent_if_a_newer_list_lacks_it(versions: VersionTracker) -> None:
    new = ("nlp", "new")
    versions.observe(new, "u3", 50)
    assert versions.absent_from([], version=40) == [(KEY, "u1")], "the other one is newer than the list"
    assert versions.absent_from([KEY], version=60) == [(new, "u3")]


def test_a_version_was_observed_or_was_not(versions: VersionTracker) -> None:
    assert versions.has_observed(KEY, "u1", 12)
    assert not versions.has_observed(KEY, "u1", 13)
    assert not versions.has_observed(KEY, "u2", 1)


def test_referrers(versions: VersionTracker) -> None:
    assert versions.referrers("shared") == [KEY]
    assert versions.referrers("other") == []
