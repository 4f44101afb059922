"""The pages say what is: specs validate, commands exist, links lead somewhere, nothing typed is left out."""

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from ner_jobs.promotion.gates import GateOutcome, Reason
from ner_jobs.promotion.verdict import Outcome
from ner_jobs.task import ExitCode
from ner_operator.api.v1alpha1 import NerDeployment
from ner_operator.api.v1alpha1.reasons import Reason as ClusterReason
from ner_operator.api.v1alpha1.runtime import NerRuntime
from ner_operator.cli.cluster.overview import NOT_SEEN
from ner_operator.cli.main import app
from ner_operator.schema.reference import main as reference
from ner_operator.schema.reference import rendered, rules
from ner_operator.schema.reference import rows as reference_rows
from ner_operator.schema.validation import load_text

REPOSITORY = Path(__file__).resolve().parents[3]
DOCS = REPOSITORY / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *REPOSITORY.glob("*.md")])
TASKS = (
    "install",
    "install-cluster",
    "images",
    "first-model",
    "first-model-cluster",
    "accelerators",
    "gitops",
    "data-formats",
    "runtimes-and-int8",
    "gates-and-rollouts",
    "storage",
    "operations",
    "operations-cluster",
    "garbage-collection",
    "troubleshooting",
    "reference",
)

_FENCE = re.compile(r"^ *```(\w*)[^\n]*\n(.*?)^ *```", re.M | re.S)
_CODE = re.compile(r"(?<!`)`(?:kubectl )?(nerd [a-z][^`\n]*)`")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.M)


@dataclass(frozen=True, slots=True)
class Found:
    """Something in a page, with the line it stands in; incomplete is a command that a sentence mentions."""

    page: Path
    line: int
    text: str
    complete: bool = True

    def __str__(self) -> str:
        return f"{self.page.relative_to(REPOSITORY)}:{self.line}"


def blocks(language: str) -> list[Found]:
    return [
        Found(page, text.count("\n", 0, match.start(2)) + 1, match[2])
        for page in PAGES
        for text in [page.read_text(encoding="utf-8")]
        for match in _FENCE.finditer(text)
        if match[1] == language
    ]


def prose(page: Path) -> str:
    """The page with its code blocks blanked, so that lines keep their numbers."""
    return _FENCE.sub(lambda match: "\n" * match[0].count("\n"), page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in _HEADING.findall(prose(page))
    }


def commands() -> Iterator[Found]:
    """What a reader would type: lines of console blocks behind a `$`, and `nerd ...` inside a sentence."""
    for block in blocks("console"):
        for number, line in enumerate(block.text.replace("\\\n", "  ").splitlines()):
            if line.startswith("$ "):
                for piece in re.split(r"\|\|?|&&|;", line[2:]):
                    piece = re.sub(r"^(\s*\w+=\S*)+\s+| [<>] .*", "", piece).strip()
                    if piece.startswith(("nerd ", "kubectl nerd ")):
                        yield Found(block.page, block.line + number, piece.removeprefix("kubectl "))
    for page in PAGES:
        text = prose(page)
        for match in _CODE.finditer(text):
            yield Found(page, text.count("\n", 0, match.start()) + 1, match[1], complete=False)


def parse(words: list[str], complete: bool) -> None:
    """Parse a command as the program would, and run nothing.

    Args:
        words: behind `nerd`.
        complete: everything that is required must be there; else only what is written must exist.
    """
    program: Any = get_command(app)
    context = typer.Context(program, info_name="nerd")
    if words[0].startswith("-"):
        # Answered at once, some by changing the reader's shell: looked up, never parsed.
        assert words[0] in {name for parameter in program.get_params(context) for name in parameter.opts}
        return
    command = program.get_command(context, words[0])
    assert command is not None, f"there is no command {words[0]}"
    known = {name for parameter in command.get_params(context) for name in parameter.opts}
    unknown = {word.partition("=")[0] for word in words[1:] if word.startswith("--")} - known
    assert not unknown, f"nerd {words[0]} has no {', '.join(sorted(unknown))}"
    if complete and not {"-h", "--help"} & set(words):
        command.make_context(words[0], words[1:], parent=context)


def identified(found: list[Found]) -> list[Any]:
    return [pytest.param(each, id=str(each)) for each in found]


def whole_specs() -> list[Found]:
    return [block for block in blocks("yaml") if re.search(r"^kind: Ner", block.text, re.M)]


def test_each_task_has_its_page() -> None:
    assert {page.stem for page in DOCS.glob("*.md")} == set(TASKS)


def test_the_finders_find() -> None:
    assert len(whole_specs()) >= 2
    assert len(list(commands())) >= 30


@pytest.mark.parametrize("spec", identified(whole_specs()))
def test_a_whole_spec_validates(spec: Found) -> None:
    checked = load_text(spec.text, str(spec))
    assert not checked.mistakes, "\n".join(map(str, checked.mistakes))


FRAGMENTS = [block for block in blocks("yaml") if block not in whole_specs()]


@pytest.mark.parametrize("fragment", identified(FRAGMENTS))
def test_a_fragment_of_a_spec_has_only_fields_that_exist(fragment: Found) -> None:
    base = {
        "model": "{base: b}",
        "data": "{train: {uri: a}, test: {uri: b}}",
        "variants": "[{name: reference, runtime: cpu-openvino, precision: fp32, reference: true}, "
        "{name: int8, runtime: cpu-openvino, precision: int8}]",
        "storage": "{uri: s}",
    }
    written = re.findall(r"^(\w+):", fragment.text, re.M)
    lines = [
        "apiVersion: nerd.dev/v1alpha1",
        "kind: NerDeployment",
        "metadata: {name: fragment}",
        "spec:",
        *(f"  {name}: {value}" for name, value in base.items() if name not in written),
        *(f"  {line}" for line in fragment.text.splitlines()),
    ]
    checked = load_text("\n".join(lines), str(fragment))
    assert not checked.mistakes, "\n".join(map(str, checked.mistakes))


@pytest.mark.parametrize("command", identified([*commands()]))
def test_a_command_exists_with_its_options(command: Found) -> None:
    parse(shlex.split(command.text)[1:], command.complete)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_resolve(page: Path) -> None:
    wrong = []
    for match in _LINK.finditer(prose(page)):
        link = match[1] or match[2]
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists():
            wrong.append(f"{link}: no such file")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            wrong.append(f"{link}: no such heading")
    assert not wrong, "; ".join(wrong)


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_a_page_names_no_place_of_one_machine(page: Path) -> None:
    assert not re.search(r"/(work|root|tmp/dev)\b", page.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "reason",
    sorted(
        {*map(str, GateOutcome), *map(str, Reason), *map(str, Outcome), *map(str, ClusterReason), NOT_SEEN}
    ),
)
def test_each_reason_and_outcome_has_an_entry(reason: str) -> None:
    headings = _HEADING.findall(prose(DOCS / "troubleshooting.md"))
    assert str(reason) in headings, f"docs/troubleshooting.md needs an entry `### {reason}`"


@pytest.mark.parametrize("code", [*ExitCode], ids=lambda code: code.name)
def test_each_exit_code_has_an_entry(code: ExitCode) -> None:
    headings = _HEADING.findall(prose(DOCS / "troubleshooting.md"))
    wanted = f"{code.name} ({int(code)})"
    assert wanted in headings, f"docs/troubleshooting.md needs an entry `### {wanted}`"


def test_each_recipe_of_int8_is_told() -> None:
    page = (DOCS / "runtimes-and-int8.md").read_text(encoding="utf-8")
    backends = REPOSITORY / "jobs/ner_jobs/engines"
    # Read, not imported: the engines take seconds to load.
    names = {
        call.args[0].value
        for file in backends.glob("*.py")
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "Recipe"
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[1], ast.Constant)
        and call.args[1].value == "int8"
    }
    assert names
    assert not [name for name in sorted(names) if f"`{name}`" not in page]


class TestReference:
    def test_the_page_is_what_the_models_say(self) -> None:
        assert (DOCS / "reference.md").read_text(encoding="utf-8") == rendered(), (
            "run: python -m ner_operator.schema.reference --write"
        )

    def test_check_tells_drift_from_the_same(self, tmp_path: Path) -> None:
        page, root = tmp_path / "docs" / "reference.md", str(tmp_path)
        assert reference(["--check", "--root", root]) == 1
        assert reference(["--write", "--root", root]) == 0
        assert reference(["--check", "--root", root]) == 0
        page.write_text(page.read_text(encoding="utf-8") + "by hand\n", encoding="utf-8")
        assert reference(["--check", "--root", root]) == 1

    def test_every_row_leads_to_a_field_with_a_description(self) -> None:
        for kind in (NerDeployment, NerRuntime):
            for row in reference_rows(kind):
                assert row.description, row.path
                assert row.type, row.path

    @pytest.mark.parametrize(
        ("path", "default", "bounds"),
        [
            ("spec.finetune.seed", "42", "≥ 0; ≤ 2147483647"),
            ("spec.finetune.learningRate", "0.0002", "> 0; ≤ 1"),
            ("spec.data.test", "required", ""),
            ("spec.rollout.allowEmulated", "false", ""),
            ("spec.data.train.npzInputs", "", "`3`, `6`"),
            ("spec.rollout.mode", "Automatic", "`Automatic`, `Manual`"),
        ],
    )
    def test_a_row_tells_default_and_bounds(self, path: str, default: str, bounds: str) -> None:
        row = next(row for row in reference_rows(NerDeployment) if row.path == path)
        assert (row.default, row.bounds) == (default, bounds)

    def test_every_rule_stands_in_it(self) -> None:
        page = rendered().replace("\\|", "|")
        for kind in (NerDeployment, NerRuntime):
            for path, message in rules(kind):
                assert f"`{path}`" in page
                assert message in page

    def test_names_are_those_of_the_wire(self) -> None:
        assert "max_length" not in rendered()
        assert "maxLength" in rendered()
