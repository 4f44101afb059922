"""`kubectl nerd resume`: let a suspended deployment go on."""

import typer

from ner_operator.cli.options import Context, Deployment, Kubeconfig, Namespace, cluster


def resume(
    name: Deployment, namespace: Namespace = None, context: Context = None, kubeconfig: Kubeconfig = None
) -> None:
    """Let a suspended deployment go on where it stopped. It removes spec.suspend."""
    from ner_operator.cli.cluster import asking
    from ner_operator.cli.cluster.reading import read_one

    kubectl = cluster(namespace, context, kubeconfig)
    changed = asking.resume(kubectl, read_one(kubectl, name))
    typer.echo(f"{name} {'goes on' if changed else 'was not suspended'}")
