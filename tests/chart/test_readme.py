"""The table of values: one row for each value that has a comment, and a refusal where one has none."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="module")
def readme(repository: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("readme", repository / "charts" / "readme.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up.
    sys.modules["readme"] = module
    spec.loader.exec_module(module)
    return module


def test_a_row_is_a_path_a_default_and_the_comment_above(readme: Any) -> None:
    text = """
# About the file.
# -- The first,
# on two lines.
first: 1

nested:
  # -- The second.
  second: ""
  # -- All of it.
  third:
    a: [x]
    b: {}
"""
    found = [(row.path, row.default, row.description) for row in readme.rows(text)]
    assert found == [
        ("first", "1", "The first, on two lines."),
        ("nested.second", '""', "The second."),
        ("nested.third", '{"a": ["x"], "b": {}}', "All of it."),
    ]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("# -- One.\none: 1\ntwo: 2\n", id="none at all"),
        pytest.param("# -- One.\none: 1\n# About two.\ntwo: 2\n", id="a comment that is no row"),
        pytest.param(
            "# -- One.\n\none: 1\n# -- Two.\ntwo: 2\none2: {two: 2}\n", id="below one that has none"
        ),
    ],
)
def test_a_value_without_a_comment_is_named(readme: Any, text: str) -> None:
    with pytest.raises(readme.UndescribedError, match="two"):
        readme.rows(text)


def test_check_fails_on_a_difference_and_write_mends_it(
    readme: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "values.yaml").write_text("# -- One.\none: 1\n")
    page = tmp_path / "README.md"
    page.write_text(f"before\n{readme.BEGIN}\n{readme.END}\nafter\n")
    chart = f"--chart={tmp_path}"
    assert readme.main(["--check", chart]) == 1
    assert "run: python charts/readme.py --write" in capsys.readouterr().err
    assert readme.main(["--write", chart]) == 0
    assert readme.main(["--check", chart]) == 0
    lines = page.read_text().splitlines()
    assert lines[0] == "before"
    assert "| `one` | `1` | One. |" in lines
    assert lines[-1] == "after"


def test_the_charts_own_is_up_to_date(readme: Any) -> None:
    assert readme.main(["--check"]) == 0
