"""The ledger: what is news, and what is an echo."""

import pytest

from ner_operator.kube.versions import Ledger

KEY = ("nlp", "peoples-daily")


@pytest.fixture
def ledger() -> Ledger:
    made = Ledger()
    assert made.saw(KEY, "u1", 10), "a new deployment is news"
    made.looking(KEY)
    assert not made.handled(KEY, "u1", 12, ("va16",))
    return made


def test_the_echo_of_our_own_write_is_no_news(ledger: Ledger) -> None:
    assert not ledger.saw(KEY, "u1", 12)
    assert not ledger.saw(KEY, "u1", 11), "nor is what a list repeats"
    assert ledger.saw(KEY, "u1", 13)


def test_an_echo_that_comes_before_the_look_ends_is_no_news(ledger: Ledger) -> None:
    ledger.looking(KEY)
    assert not ledger.saw(KEY, "u1", 20)
    assert not ledger.handled(KEY, "u1", 20, ())


def test_a_change_during_a_look_asks_for_another(ledger: Ledger) -> None:
    ledger.looking(KEY)
    assert not ledger.saw(KEY, "u1", 21)
    assert ledger.handled(KEY, "u1", 20, ())


def test_after_a_look_that_failed_the_next_event_is_news(ledger: Ledger) -> None:
    ledger.looking(KEY)
    ledger.failed(KEY)
    assert ledger.saw(KEY, "u1", 13)


def test_another_object_of_the_same_name_is_news_and_the_old_ones_end_is_not_its(ledger: Ledger) -> None:
    assert ledger.saw(KEY, "u2", 30)
    ledger.gone(KEY, "u1")
    assert len(ledger) == 1
    ledger.gone(KEY, "u2")
    assert len(ledger) == 0


def test_absence_is_told_of_what_a_list_should_have_had(ledger: Ledger) -> None:
    new = ("nlp", "new")
    ledger.saw(new, "u3", 50)
    assert ledger.absent_from([], version=40) == [(KEY, "u1")], "the other one was made after the list"
    assert ledger.absent_from([KEY], version=60) == [(new, "u3")]


def test_a_watch_has_told_of_a_version_or_has_not(ledger: Ledger) -> None:
    assert ledger.told(KEY, "u1", 12)
    assert not ledger.told(KEY, "u1", 13)
    assert not ledger.told(KEY, "u2", 1)


def test_a_runtime_knows_its_users(ledger: Ledger) -> None:
    assert ledger.users_of("va16") == [KEY]
    assert ledger.users_of("other") == []
