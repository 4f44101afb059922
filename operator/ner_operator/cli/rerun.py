"""`kubectl nerd rerun`: ask for stages again, in the cluster."""

from typing import Annotated

import typer

from ner_operator.cli.options import Context, Deployment, Kubeconfig, Namespace, Output, cluster


def rerun(
    name: Deployment,
    steps: Annotated[
        list[str], typer.Argument(metavar="STAGE...", help="Stages (finetune) or steps (compile/int8).")
    ],
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    output: Output = "table",
) -> None:
    """Ask for the results of stages again.

    What rests on a stage runs again only where its content came out different. Here, without a cluster, it
    is nerd run --rerun STAGE.
    """
    from ner_operator.cli.cluster.asking import ask_rerun
    from ner_operator.cli.output import print_json

    token = ask_rerun(cluster(namespace, context, kubeconfig), name, steps)
    if output == "json":
        print_json({"rerun": dict.fromkeys(steps, token)})
    else:
        typer.echo(f"{name}: asked for {', '.join(steps)} again; kubectl nerd status {name} shows them run")
