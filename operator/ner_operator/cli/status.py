"""`kubectl nerd status`: one deployment, its stages as a tree, and what to do next."""

from ner_operator.cli.options import Context, Deployment, Kubeconfig, Namespace, Output, cluster

STYLES = {
    "Succeeded": "green",
    "Running": "cyan",
    "Queued": "cyan",
    "Retrying": "yellow",
    "Waiting": "dim",
    "Suspended": "magenta",
    "Held": "magenta",
    "Failed": "red",
}


def status(
    name: Deployment,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    output: Output = "table",
) -> None:
    """Show what is in service, how far each stage is and why, and what to do next."""
    import time

    from rich.table import Table
    from rich.text import Text

    from ner_operator.cli.cluster.reading import read_one
    from ner_operator.cli.cluster.story import as_json, facts, rows
    from ner_operator.cli.output import console, print_json

    deployed = read_one(cluster(namespace, context, kubeconfig), name)
    if output == "json":
        print_json(as_json(deployed))
        return
    out = console()
    for title, text in facts(deployed):
        out.print(Text(f"{title + ':':<12}", style="bold") + Text(text), soft_wrap=True)
    tree = rows(deployed, time.time())
    if not tree:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for column in ("STAGE", "STATE", "TIME", "ATTEMPT", "WHY"):
        table.add_column(column, no_wrap=column != "WHY", overflow="fold")
    for row in tree:
        state = Text(row.state, style=STYLES[row.state])
        table.add_row(Text(row.stage), state, row.time, row.attempt, Text(row.why))
    out.print()
    out.print(table)
