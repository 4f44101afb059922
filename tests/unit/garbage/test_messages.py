"""What the collector says, and which grace periods it takes."""

import pytest

from ner_jobs.garbage import messages
from ner_jobs.garbage.collect import Removed, Snapshot
from ner_jobs.garbage.decision import Decision
from ner_jobs.garbage.inventory import inventory
from ner_jobs.store.protocol import StoredObject
from ner_jobs.task import PermanentError

KEY = "ab" * 32


@pytest.mark.parametrize(("text", "seconds"), [("1h", 3600), ("36h", 129_600), ("14d", 1_209_600)])
def test_a_grace_period(text: str, seconds: float) -> None:
    assert messages.parse_grace(text) == seconds


@pytest.mark.parametrize("text", ["", "14", "0h", "59m", "-1d", "1.5d", "14 d", "1d\n"])
def test_no_grace_period(text: str) -> None:
    with pytest.raises(PermanentError, match="write hours or days, 1h at least"):
        messages.parse_grace(text)


def snapshot() -> Snapshot:
    whole = [
        StoredObject(f"compile/{KEY}/manifest.json", 2**20, 1.0),
        StoredObject(f"compile/{KEY}/1-a/m", 2**20, 1.0),
    ]
    entries = inventory([*whole, StoredObject(f"finetune/{KEY}/1-a/log.txt", 2**19, 1.0)])
    beside = StoredObject(f"export/{KEY}/2-b/log.txt", 2**20, 1.0)
    return Snapshot(entries, frozenset(), Decision(tuple(entries.values()), (beside,), (), 0))


def test_each_key_is_named_and_the_sum_is_told() -> None:
    compiled, trained, leftover, total = messages.found_lines(snapshot())
    assert compiled == f"compile/{KEY}  2 objects, 2.0 MiB: reached by nothing"
    assert trained == f"finetune/{KEY}  1 object, 0.5 MiB: never finished, and reached by nothing"
    assert leftover == f"export/{KEY}/2-b/log.txt  1.0 MiB: leftover of a finished artifact"
    assert total == (
        "2 keys in the store: 0 in use, 2 garbage (1 finetune, 1 compile) and 1 leftover, 3.5 MiB in all"
    )


def test_what_came_into_use_meanwhile_is_named() -> None:
    compiled, trained = snapshot().decision.dead
    kept, total = messages.removed_lines(Removed((compiled,), 1, (trained,)))
    assert kept == f"finetune/{KEY}  kept: it came into use meanwhile"
    assert total == "removed 1 key and 1 leftover, 2.0 MiB"


def test_a_dry_run_is_null_for_programs() -> None:
    assert messages.to_json(snapshot(), None)["removed"] is None
    done = messages.to_json(snapshot(), Removed(snapshot().decision.dead[:1], 1, ()))
    assert done["removed"] == [f"compile/{KEY}"]
    assert done["spared"] == []
