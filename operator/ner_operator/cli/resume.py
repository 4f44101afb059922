"""`kubectl nerd resume`: continue a suspended deployment."""

import typer

from ner_operator.cli import options


def resume(
    name: options.Deployment,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    """Continue a suspended deployment where it stopped. It removes spec.suspend."""
    from ner_operator.cli.cluster.place import open_cluster

    changed = open_cluster(name, namespace, context, kubeconfig).resume()
    typer.echo(f"{name} {'is resumed' if changed else 'was not suspended'}")
