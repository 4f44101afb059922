"""`kubectl nerd status`: one deployment, its stages as a tree, and what to do next."""

from ner_operator.cli import options

COLUMNS = ("STAGE", "STATE", "TIME", "ATTEMPT", "WHY")

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
    name: options.Deployment,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    output: options.Output = "table",
) -> None:
    """Show what is in service, how far each stage is and why, and what to do next."""
    import time

    from rich.text import Text

    from ner_operator.cli.cluster.overview import as_json, facts, rows
    from ner_operator.cli.cluster.place import open_cluster
    from ner_operator.cli.output import console, plain_table, print_json

    deployed = open_cluster(name, namespace, context, kubeconfig).read()
    if output == "json":
        print_json(as_json(deployed))
        return
    out = console()
    for title, text in facts(deployed):
        out.print(Text(f"{title + ':':<12}", style="bold") + Text(text), soft_wrap=True)
    tree = rows(deployed, time.time())
    if not tree:
        return
    table = plain_table(COLUMNS, wrapped="WHY")
    for row in tree:
        state = Text(row.state, style=STYLES[row.state])
        table.add_row(Text(row.stage), state, row.time, row.attempt, Text(row.why))
    out.print()
    out.print(table)
