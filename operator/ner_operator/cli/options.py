"""Options that several commands share, and what they lead to: a workspace here, or a cluster.

As with kubectl's own commands, `-f FILE` and a NAME exclude each other: a file
is worked on here, a name is that of a NerDeployment in the cluster.
"""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from ner_jobs.task import StageError
    from ner_operator.cli.cluster.kubectl import Kubectl
    from ner_operator.local.workspace import Workspace

Format = Literal["table", "json"]

SpecFile = Annotated[
    str, typer.Option("--filename", "-f", metavar="SPEC", help="The spec's file; - is standard input.")
]
FileHere = Annotated[
    str | None,
    typer.Option(
        "--filename", "-f", metavar="SPEC", help="Work here, on the spec in this file; - is standard input."
    ),
]
"""Where a NAME of the cluster may stand instead."""

Target = Annotated[
    str | None, typer.Argument(metavar="NAME", help="A NerDeployment of the cluster, in place of -f.")
]
Deployment = Annotated[str, typer.Argument(metavar="NAME", help="A NerDeployment of the cluster.")]
_CLUSTER = "In the cluster"
Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace", "-n", metavar="NAMESPACE", help="Else the context's.", rich_help_panel=_CLUSTER
    ),
]
Context = Annotated[
    str | None,
    typer.Option(
        "--context", metavar="CONTEXT", help="Of the kubeconfig; else the current.", rich_help_panel=_CLUSTER
    ),
]
Kubeconfig = Annotated[
    str | None,
    typer.Option(
        "--kubeconfig",
        metavar="FILE",
        help="Else $KUBECONFIG, or ~/.kube/config.",
        rich_help_panel=_CLUSTER,
    ),
]
Endpoint = Annotated[
    str | None,
    typer.Option(
        "--endpoint-url",
        metavar="URL",
        help="Of the store, as it is reached from here; else the spec's.",
        rich_help_panel=_CLUSTER,
    ),
]

Settings = Annotated[
    list[str],
    typer.Option(
        "--set", metavar="PATH=VALUE", help="Override a field, such as finetune.epochs=1. May stand often."
    ),
]
Storage = Annotated[
    str | None,
    typer.Option(
        "--storage", metavar="URI", help="Use this storage instead of the spec's: s3://… or a folder."
    ),
]
Name = Annotated[
    str | None,
    typer.Option("--name", metavar="NAME", help="The NerDeployment, where the file holds several."),
]
Output = Annotated[Format, typer.Option("--output", "-o", help="For people, or for programs.")]


def workspace(file: str, settings: list[str], storage: str | None, name: str | None) -> "Workspace":
    """The deployment that the common options name."""
    from ner_operator.local.spec import load_spec
    from ner_operator.local.workspace import open_workspace

    return open_workspace(load_spec(file, settings, storage, name))


def cluster(namespace: str | None, context: str | None, kubeconfig: str | None) -> "Kubectl":
    """The cluster that the common options name."""
    from ner_operator.cli.cluster.kubectl import Kubectl

    return Kubectl(namespace=namespace, context=context, kubeconfig=kubeconfig)


def require_one(target: str | None, file: str | None) -> None:
    """Refuse a command with both a NAME and a file, or with neither."""
    if (target is None) == (file is None):
        said = "-f FILE and NAME exclude each other" if file else "name what is meant"
        raise wrong_usage(f"{said}: -f FILE works here, a NAME on the cluster")


def wrong_usage(message: str) -> "StageError":
    """The command line says what cannot be."""
    from ner_jobs.task import ExitCode, PermanentError

    return PermanentError(message, ExitCode.USAGE)
