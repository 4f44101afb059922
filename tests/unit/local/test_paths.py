"""Where things are: relative to the spec's file, whatever the working directory is."""

from pathlib import Path

import pytest

from ner_operator.local.digests import FileDigests
from ner_operator.local.paths import absolute, is_hub_id, local_path, with_absolute_paths
from ner_operator.planning.resolved import ResolvedDeployment

FOLDER = Path("/specs/here")


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("data/train.txt", "file:///specs/here/data/train.txt"),
        ("../shared/x", "file:///specs/shared/x"),
        ("/abs/x", "file:///abs/x"),
        ("file:///abs/x", "file:///abs/x"),
        ("s3://bucket/key", "s3://bucket/key"),
        ("with space/语料", "file:///specs/here/with%20space/%E8%AF%AD%E6%96%99"),
    ],
)
def test_absolute(uri: str, expected: str) -> None:
    assert absolute(uri, FOLDER) == expected
    assert absolute(expected, FOLDER) == expected


def test_a_path_survives_its_uri() -> None:
    path = Path("/specs/here/100% 语料/a b")
    assert local_path(absolute(str(path), FOLDER)) == path


@pytest.mark.parametrize(
    ("base", "is_id"),
    [
        ("bert-base-chinese", True),
        ("hfl/chinese-roberta-wwm-ext", True),
        ("./model", False),
        ("../shared/model", False),
        ("/models/x", False),
        ("a/b/c", False),
        ("s3://models/x", False),
        ("", False),
        ("here", False),
    ],
)
def test_what_is_an_id_of_the_hub(tmp_path: Path, base: str, is_id: bool) -> None:
    (tmp_path / "here").mkdir()
    assert is_hub_id(base, tmp_path) == is_id


def test_files_on_this_machine_have_digests_and_others_have_none(
    tmp_path: Path, deployment: ResolvedDeployment
) -> None:
    (tmp_path / "train").write_text("海 O\n")
    prepare = deployment.prepare
    test = prepare.test.model_copy(update={"uri": "train", "content": None})
    remote = prepare.test.model_copy(update={"uri": "s3://bucket/train", "content": None})
    written = type(deployment)(
        **{
            **{name: getattr(deployment, name) for name in deployment.__dataclass_fields__},
            "prepare": prepare.model_copy(update={"base": "no/hub", "test": test, "train": remote}),
        }
    )
    found = with_absolute_paths(written, tmp_path, FileDigests(tmp_path / "cache.json")).prepare
    assert found.test.uri == (tmp_path / "train").as_uri()
    assert found.test.content is not None
    assert found.train is not None
    assert found.train.content is None
    assert found.base == "no/hub"
