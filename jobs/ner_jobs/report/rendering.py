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
    return _environment(True).get_template(template).render(content)


def render_text(template: str, **content: Any) -> str:
    """Fill a template that is Markdown: nothing is escaped but the bar of a table's cell (`pipe`)."""
    return _environment(False).get_template(template).render(content)


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
    environment.filters["signed"] = signed
    environment.filters["pipe"] = lambda value: str(value).replace("|", "\\|")
    return environment
