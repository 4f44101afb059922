"""Templates to pages: one file each, with style and pictures inside, that needs no network."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ner_jobs.promotion.gates import GateOutcome
from ner_jobs.report.charts import hue
from ner_jobs.report.comparison import NOT_MEASURED, precision_text, size_text
from ner_jobs.scoring.estimate import signed


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a page; `anchor` is its id."""

    anchor: str
    name: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart with its caption."""

    name: str
    about: str
    drawing: Markup


def render(template: str, **content: Any) -> str:
    """Fill a template of this package.

    Args:
        template: its file name.
        content: its variables; a missing one is an error.
    """
    return _environment(True).get_template(template).render(content)


def render_text(template: str, **content: Any) -> str:
    """Fill a Markdown template. Nothing is escaped except the bar in a table's cell (filter `pipe`)."""
    return _environment(False).get_template(template).render(content)


def outcome_kind(outcome: GateOutcome) -> str:
    """The color of an outcome: green for a gate that holds, red for one that does not."""
    return {GateOutcome.SUCCESSFUL: "good", GateOutcome.FAILED: "bad"}.get(outcome, "plain")


@cache
def _environment(escape: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("ner_jobs.report", ""),
        autoescape=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["style"] = Markup(files("ner_jobs.report").joinpath("page.css").read_text("utf-8"))
    environment.globals["hue"] = hue
    environment.filters |= {
        "number": "{:,}".format,
        "gain": lambda drop: NOT_MEASURED if drop is None else signed(-drop),
        "outcome_kind": outcome_kind,
        "pipe": lambda value: str(value).replace("|", "\\|"),
        "precision": precision_text,
        "rate": lambda value: NOT_MEASURED if value is None else f"{value:,.0f}",
        "score": lambda value: NOT_MEASURED if value is None else f"{value:.4f}",
        "size": size_text,
    }
    return environment
