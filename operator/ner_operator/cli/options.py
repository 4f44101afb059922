"""Options that several commands share."""

from typing import Annotated, Literal

import typer

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
"""For commands that take either a file or a NAME."""

Target = Annotated[
    str | None, typer.Argument(metavar="NAME", help="A NerDeployment of the cluster, instead of -f.")
]
Deployment = Annotated[str, typer.Argument(metavar="NAME", help="A NerDeployment of the cluster.")]
_CLUSTER = "In the cluster"
Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace",
        "-n",
        metavar="NAMESPACE",
        help="Default: the context's namespace.",
        rich_help_panel=_CLUSTER,
    ),
]
Context = Annotated[
    str | None,
    typer.Option(
        "--context",
        metavar="CONTEXT",
        help="A context of the kubeconfig. Default: the current one.",
        rich_help_panel=_CLUSTER,
    ),
]
Kubeconfig = Annotated[
    str | None,
    typer.Option(
        "--kubeconfig",
        metavar="FILE",
        help="Default: $KUBECONFIG, or ~/.kube/config.",
        rich_help_panel=_CLUSTER,
    ),
]
Endpoint = Annotated[
    str | None,
    typer.Option(
        "--endpoint-url",
        metavar="URL",
        help="The S3 server's URL from this machine. Default: the spec's.",
        rich_help_panel=_CLUSTER,
    ),
]

Settings = Annotated[
    list[str],
    typer.Option("--set", metavar="PATH=VALUE", help="Override a field: finetune.epochs=1. Repeatable."),
]
Storage = Annotated[
    str | None,
    typer.Option(
        "--storage", metavar="URI", help="Use this storage instead of the spec's: s3://… or a folder."
    ),
]
Name = Annotated[
    str | None,
    typer.Option("--name", metavar="NAME", help="The NerDeployment, if the file has several."),
]
Output = Annotated[Format, typer.Option("--output", "-o", help="table for people, json for programs.")]
