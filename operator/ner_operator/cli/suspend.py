"""`kubectl nerd suspend`: stop a deployment, and keep its results."""

import typer

from ner_operator.cli import options


def suspend(
    name: options.Deployment,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    """Stop the running stages, and start none until the deployment is resumed.

    It sets spec.suspend. Results stay, a training that stops saves its checkpoint, and the model in service
    stays in service.
    """
    from ner_operator.cli.cluster.place import open_cluster

    changed = open_cluster(name, namespace, context, kubeconfig).suspend()
    typer.echo(f"{name} {'is suspended' if changed else 'was suspended already'}")
