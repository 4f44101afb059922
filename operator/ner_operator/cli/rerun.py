"""`kubectl nerd rerun`: request stages again, in the cluster."""

from typing import Annotated

import typer

from ner_operator.cli import options


def rerun(
    name: options.Deployment,
    steps: Annotated[
        list[str], typer.Argument(metavar="STAGE...", help="Stages (finetune) or steps (compile/int8).")
    ],
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    output: options.Output = "table",
) -> None:
    """Request the results of stages again.

    A later stage runs again only if its input has changed. Without a cluster, use nerd run --rerun STAGE.
    """
    from ner_operator.cli.cluster.place import open_cluster
    from ner_operator.cli.output import print_json

    token = open_cluster(name, namespace, context, kubeconfig).rerun(steps)
    if output == "json":
        print_json({"rerun": dict.fromkeys(steps, token)})
    else:
        typer.echo(f"{name}: asked for {', '.join(steps)} again; see kubectl nerd status {name}")
