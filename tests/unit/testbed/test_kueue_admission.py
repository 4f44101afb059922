"""Quota, order, eviction and sentences of the stand-in, as Kueue's documentation has them."""

from testbed.kueue.admission import Quota, Request, admit

CARD = "vastaitech.com/va"
ONE = Quota({"default": {CARD: 1}})


def card(name: str, count: int = 1, priority: int = 0, created: float = 0.0, flavor: str = "") -> Request:
    return Request(name, {CARD: count}, priority, created, flavor)


def test_the_older_of_two_equal_workloads_is_admitted_and_the_other_is_told_why_it_waits() -> None:
    plan = admit(ONE, [card("young", created=2.0), card("old", created=1.0)])
    assert plan.admit == {"old": "default"}
    assert plan.wait == {
        "young": "couldn't assign flavors to pod set main: insufficient unused quota for vastaitech.com/va "
        "in flavor default, 1 more needed"
    }


def test_higher_priority_goes_first() -> None:
    assert admit(ONE, [card("old", created=1.0), card("urgent", priority=10, created=2.0)]).admit == {
        "urgent": "default"
    }


def test_the_second_flavor_is_taken_where_the_first_is_full() -> None:
    quota = Quota({"reserved": {CARD: 1}, "spot": {CARD: 1}})
    assert admit(quota, [card("a", flavor="reserved"), card("b")]).admit == {"b": "spot"}


def test_what_can_never_fit_says_so() -> None:
    assert "request > maximum capacity" in admit(ONE, [card("huge", count=3)]).wait["huge"]
    assert "unavailable" in admit(ONE, [Request("other", {"nvidia.com/gpu": 1})]).wait["other"]


def test_without_preemption_the_one_that_runs_stays() -> None:
    plan = admit(ONE, [card("runs", flavor="default"), card("urgent", priority=10)])
    assert not plan.evict


def test_with_preemption_the_youngest_of_the_lowest_priority_is_evicted_and_no_more_than_needed() -> None:
    quota = Quota({"default": {CARD: 2}}, preempts=True)
    plan = admit(
        quota,
        [
            card("old", created=1.0, flavor="default"),
            card("young", created=2.0, flavor="default"),
            card("urgent", priority=10),
        ],
    )
    assert plan.evict == {"young": "urgent"}
    assert "urgent" in plan.wait


def test_equal_priority_evicts_nobody() -> None:
    quota = Quota({"default": {CARD: 1}}, preempts=True)
    assert not admit(quota, [card("runs", flavor="default"), card("other")]).evict
