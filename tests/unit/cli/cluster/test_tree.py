"""The stages as a tree: what a person sees of what rests on what."""

from typing import Any

import pytest

from ner_operator.cli.cluster.tree import lines

ALL = [
    "prepare",
    "finetune",
    "export",
    *(f"{stage}/{variant}" for stage in ("compile", "infer", "evaluate") for variant in ("fp32", "int8")),
    "promote",
    *(f"benchmark/{variant}" for variant in ("fp32", "int8")),
    "inference/archive",
]


@pytest.mark.parametrize(
    ("names", "tree"),
    [
        pytest.param(
            ALL,
            """
            prepare
            finetune
            export
            ├─ compile/fp32
            │  ├─ infer/fp32
            │  ├─ evaluate/fp32
            │  └─ benchmark/fp32
            └─ compile/int8
               ├─ infer/int8
               ├─ evaluate/int8
               └─ benchmark/int8
            promote
            └─ inference/archive
            """,
            id="a variant is a branch",
        ),
        pytest.param(["prepare"], "prepare", id="one alone"),
        pytest.param(
            ["infer/int8", "inference/archive"],
            """
            infer/int8
            inference/archive
            """,
            id="what it hangs from is not there",
        ),
        pytest.param([], "", id="nothing yet"),
    ],
)
def test_lines(stage: Any, names: list[str], tree: str) -> None:
    drawn = [line.branch + line.stage.name for line in lines([stage(name) for name in names])]
    wanted = tree.strip("\n").splitlines()
    indent = min((len(line) - len(line.lstrip(" ")) for line in wanted if line.strip()), default=0)
    assert drawn == [line[indent:] for line in wanted if line.strip()]
