"""Templates to pages: one file each, with style and pictures inside, that needs no network."""

from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ner_jobs.report.charts import hue
from ner_jobs.report.words import signed


def render(template: str, **content: Any) -> str:
    """Fill a template of this package.

    Args:
        template: its file name.
        content: what it names; a name that is missing is an error.
    """
    return _environment().get_template(template).render(content)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("ner_jobs.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["style"] = Markup(files("ner_jobs.report").joinpath("page.css").read_text("utf-8"))
    environment.globals["hue"] = hue
    environment.filters["signed"] = signed
    return environment
