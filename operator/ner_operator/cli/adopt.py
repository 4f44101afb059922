"""`kubectl nerd adopt`: take over what a deployment of the same name had promoted."""

import typer

from ner_operator.cli import options


def adopt(
    name: options.Deployment,
    storage: options.Storage = None,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    endpoint_url: options.Endpoint = None,
    output: options.Output = "table",
) -> None:
    """Take over the promoted model of a deleted NerDeployment of the same name.

    The pointer in the store names its owner, so that two clusters never move the same pointer. Use this
    after a NerDeployment or a cluster was made again. It writes with your own credentials.
    """
    from ner_operator.cli.cluster.place import open_cluster
    from ner_operator.cli.place import position_of
    from ner_operator.cli.promote import show

    pointer = open_cluster(name, namespace, context, kubeconfig, storage, endpoint_url).adopt()
    if output == "table":
        typer.echo(f"{name} owns its pointer now; the next attempt of promote continues")
    show(position_of(pointer), output)
