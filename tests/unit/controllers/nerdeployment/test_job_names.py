"""The name of a Job: a person can read it, and no two attempts have the same."""

import pytest

from ner_jobs.task import canonical_digest
from ner_operator.controllers.nerdeployment.attempts import job_name

OTHER_KEY = "f" * 64


@pytest.mark.parametrize(
    ("step", "readable"),
    [
        pytest.param("prepare", "prepare-", id="a stage"),
        pytest.param("compile/int8", "compile-int8-", id="a variant"),
        pytest.param(f"benchmark/{'v' * 63}", "benchmark-vvv", id="a long variant is cut"),
        pytest.param(f"compile/{'v' * 27}-{'w' * 9}", "compile-vvv", id="no dash is left at the cut"),
    ],
)
def test_a_jobs_name_is_readable_and_its_pods_name_is_a_label(step: str, readable: str) -> None:
    name = job_name("uid", step, OTHER_KEY, 1)
    assert name.startswith(readable)
    assert len(name) <= 57
    assert "--" not in name


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(("other", "compile/a", OTHER_KEY, 1), id="another deployment"),
        pytest.param(("uid", "compile/b", OTHER_KEY, 1), id="another step"),
        pytest.param(("uid", "compile/a", canonical_digest("x"), 1), id="another key"),
        pytest.param(("uid", "compile/a", OTHER_KEY, 2), id="another attempt"),
    ],
)
def test_another_attempt_has_another_name(other) -> None:
    assert job_name(*other) != job_name("uid", "compile/a", OTHER_KEY, 1)
