"""`kubectl nerd list`: the NerDeployments of a namespace, or of all."""

from typing import Annotated

import typer

from ner_operator.cli import options


def list_(
    namespace: options.Namespace = None,
    everywhere: Annotated[
        bool, typer.Option("--all-namespaces", "-A", help="List those of all namespaces.")
    ] = False,
    selector: Annotated[
        str | None, typer.Option("--selector", "-l", metavar="LABELS", help="List those with these labels.")
    ] = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    output: options.Output = "table",
) -> None:
    """List NerDeployments: ready or why not, what is in service, how far the stages are."""
    import time
    from dataclasses import asdict

    from rich.text import Text

    from ner_operator.cli.cluster.deployed import read_all
    from ner_operator.cli.cluster.kubectl import Kubectl
    from ner_operator.cli.cluster.overview import as_json, overview
    from ner_operator.cli.output import console, plain_table, print_json

    kubectl = Kubectl(None if everywhere else namespace, context, kubeconfig, everywhere)
    found = read_all(kubectl, selector)
    if output == "json":
        print_json([as_json(deployed) for deployed in found])
        return
    if not found:
        where = "any namespace" if everywhere else f"namespace {namespace}" if namespace else "this namespace"
        typer.echo(f"no NerDeployment in {where}", err=True)
        return
    lines = [asdict(overview(deployed, time.time())) for deployed in found]
    columns = [column for column in lines[0] if everywhere or column != "namespace"]
    table = plain_table([column.upper() for column in columns])
    for line in lines:
        table.add_row(*(Text(line[column]) for column in columns))
    console().print(table)
