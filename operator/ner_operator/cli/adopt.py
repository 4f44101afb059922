"""`kubectl nerd adopt`: take over what a deployment of the same name had promoted."""

import typer

from ner_operator.cli.options import (
    Context,
    Deployment,
    Endpoint,
    Kubeconfig,
    Namespace,
    Output,
    Storage,
    cluster,
)


def adopt(
    name: Deployment,
    storage: Storage = None,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    endpoint_url: Endpoint = None,
    output: Output = "table",
) -> None:
    """Take over the promoted model of a NerDeployment of the same name that is gone.

    The pointer in the store knows whose it is, so that two clusters never move one pointer. After a
    NerDeployment was deleted and made again, or a cluster was, say here that it is the same; it is written
    with your own credentials.
    """
    from ner_jobs.promotion.pointer import adopt_pointer, never_promoted
    from ner_jobs.task import ExitCode, PermanentError
    from ner_operator.cli.cluster.reading import read_one
    from ner_operator.cli.cluster.results import owner_of, store_of
    from ner_operator.cli.promote import tell

    deployed = read_one(cluster(namespace, context, kubeconfig), name)
    store, owner = store_of(deployed, storage, endpoint_url), owner_of(deployed)
    pointer = adopt_pointer(store, owner)
    if pointer is None:
        raise PermanentError(f"{never_promoted(owner)} in {store.uri}", ExitCode.NO_INPUT)
    if output == "table":
        typer.echo(f"{name} owns its pointer now; the next attempt of promote goes on")
    tell(pointer, output)
