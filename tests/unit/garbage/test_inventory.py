"""A listing becomes entries: what is under a key belongs to it, and what is under none is nobody's."""

import pytest

from ner_jobs.garbage.inventory import inventory
from ner_jobs.store.protocol import StoredObject
from ner_jobs.task import Stage

KEY = "ab" * 32


def test_a_key_is_its_manifest_and_all_that_lies_beside_it() -> None:
    manifest = StoredObject(f"compile/{KEY}/manifest.json", 10, 300.0)
    model = StoredObject(f"compile/{KEY}/1-a/compiled/model.bin", 1000, 200.0)
    lease = StoredObject(f"compile/{KEY}/lease.json", 5, 400.0)
    entry = inventory([model, manifest, lease])[Stage.COMPILE, KEY]
    assert entry.manifest == manifest
    assert entry.others == (model, lease)
    assert (entry.size, entry.newest) == (1015, 400.0)


def test_a_file_called_manifest_inside_an_attempt_is_a_file() -> None:
    inner = StoredObject(f"export/{KEY}/1-a/model/manifest.json", 10, 1.0)
    assert inventory([inner])[Stage.EXPORT, KEY].manifest is None


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("promoted/nlp/peoples-daily", id="a pointer"),
        pytest.param("plans/nlp/peoples-daily.json", id="the record of a plan"),
        pytest.param(f"backups/{KEY}/manifest.json", id="a folder that is no stage"),
        pytest.param("compile/README.txt", id="a file beside the keys"),
        pytest.param("compile/my-model/weights.bin", id="a folder that is no key"),
        pytest.param(f"compile/{KEY}", id="a file that is called as a key"),
        pytest.param(f"compile/{KEY}0/manifest.json", id="more than a key"),
        pytest.param(f"compile/{KEY.upper()}/manifest.json", id="not as we write keys"),
    ],
)
def test_what_is_under_no_key_is_not_ours_to_judge(name: str) -> None:
    assert inventory([StoredObject(name, 1, 1.0)]) == {}
