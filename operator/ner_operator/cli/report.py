"""`nerd report`: all variants of a revision side by side, as a table, a page, or JSON."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ner_operator.cli.options import (
    Context,
    Endpoint,
    FileHere,
    Kubeconfig,
    Name,
    Namespace,
    Output,
    Settings,
    Storage,
    Target,
    cluster,
    require_one,
    workspace,
)

if TYPE_CHECKING:
    from ner_operator.cli.cluster.kubectl import Kubectl
    from ner_operator.local.workspace import Workspace


def report(
    target: Target = None,
    file: FileHere = None,
    settings: Settings = [],  # noqa: B006
    storage: Storage = None,
    name: Name = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Where the page goes; else beside the results."),
    ] = None,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    endpoint_url: Endpoint = None,
    output: Output = "table",
) -> None:
    """Compare all variants: F1, drop, speed, size, verdict and why; writes a page for people, too.

    Of a NerDeployment of the cluster, the results are read from its store, with your own credentials
    (AWS_ACCESS_KEY_ID and the like).
    """
    require_one(target, file)
    if target:
        _in_cluster(cluster(namespace, context, kubeconfig), target, storage, endpoint_url, html, output)
    else:
        _here(workspace(file or "", settings, storage, name), html, output)


def _here(here: "Workspace", html: Path | None, output: str) -> None:
    from ner_jobs.report.comparison import to_json
    from ner_jobs.task import ExitCode, PermanentError
    from ner_operator.cli.comparison import show_here
    from ner_operator.cli.output import print_json
    from ner_operator.local.comparing import compare, write_page

    plan = here.observer.look()
    comparison = compare(here, plan)
    if not comparison.variants:
        raise PermanentError(
            "nothing of this spec is compiled or evaluated yet; nerd run takes it there", ExitCode.USAGE
        )
    page = write_page(here, plan, html)
    if output == "json":
        print_json({**to_json(comparison), "report": str(page)})
    else:
        show_here(here, plan, comparison, page)


def _in_cluster(
    kubectl: "Kubectl", name: str, storage: str | None, endpoint: str | None, html: Path | None, output: str
) -> None:
    from ner_jobs.report.comparison import page, to_json
    from ner_jobs.task import ExitCode, PermanentError
    from ner_operator.cli.cluster.reading import read_one
    from ner_operator.cli.cluster.results import compare, page_path, store_of
    from ner_operator.cli.cluster.story import in_service
    from ner_operator.cli.comparison import show
    from ner_operator.cli.output import print_json
    from ner_operator.local.comparing import write_text

    deployed = read_one(kubectl, name)
    comparison = compare(deployed, store_of(deployed, storage, endpoint))
    if not comparison.variants:
        raise PermanentError(
            f"nothing of {name} is compiled or evaluated yet; kubectl nerd status {name} shows how far it is",
            ExitCode.USAGE,
        )
    written = write_text(page(comparison), html or page_path(deployed))
    if output == "json":
        print_json({**to_json(comparison), "report": str(written)})
        return
    promote = deployed.status.stage("promote")
    held = promote.message if promote and promote.state == "Held" else ""
    show(comparison, held, in_service(deployed.status.promotion), written)
