"""`kubectl nerd suspend`: stop a deployment, and keep its work."""

import typer

from ner_operator.cli.options import Context, Deployment, Kubeconfig, Namespace, cluster


def suspend(
    name: Deployment, namespace: Namespace = None, context: Context = None, kubeconfig: Kubeconfig = None
) -> None:
    """Stop the stages that run, and start none, until it is resumed.

    It sets spec.suspend. What is done is kept, and a training that stops saves its checkpoint; the model in
    service stays.
    """
    from ner_operator.cli.cluster import asking
    from ner_operator.cli.cluster.reading import read_one

    kubectl = cluster(namespace, context, kubeconfig)
    changed = asking.suspend(kubectl, read_one(kubectl, name))
    typer.echo(f"{name} {'is suspended' if changed else 'was suspended already'}")
