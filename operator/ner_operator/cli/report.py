"""`nerd report`: all variants of a revision side by side, as a table, a page, or JSON."""

from pathlib import Path
from typing import Annotated

import typer

from ner_operator.cli import options
from ner_operator.cli.place import open_place


def report(
    target: options.Target = None,
    file: options.FileHere = None,
    settings: options.Settings = [],  # noqa: B006
    storage: options.Storage = None,
    name: options.Name = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Where to write the page. Default: with the results."),
    ] = None,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    endpoint_url: options.Endpoint = None,
    output: options.Output = "table",
) -> None:
    """Compare all variants: F1, drop, speed, size, verdict and why. Writes a page for people too.

    For a NerDeployment of the cluster, the results are read from its store with your own credentials
    (AWS_ACCESS_KEY_ID and so on).
    """
    from ner_jobs.report.comparison import to_json
    from ner_operator.cli.comparison import show, write_page
    from ner_operator.cli.output import print_json

    place = open_place(target, file, settings, storage, name, namespace, context, kubeconfig, endpoint_url)
    results = place.results()
    page = write_page(results, html)
    if output == "json":
        print_json({**to_json(results.comparison), "report": str(page)})
    else:
        show(results, page)
