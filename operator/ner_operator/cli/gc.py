"""`nerd gc`: remove unused artifacts from a store that no cluster uses."""

from typing import Annotated

import typer

from ner_operator.cli import options

Grace = Annotated[
    str, typer.Option("--grace", metavar="TIME", help="Keep what is younger, such as 36h or 14d.")
]
Delete = Annotated[bool, typer.Option("--delete", help="Remove. Without this, only list what would go.")]


def gc(
    file: options.SpecFile,
    settings: options.Settings = [],  # noqa: B006
    storage: options.Storage = None,
    name: options.Name = None,
    grace: Grace = "14d",
    delete: Delete = False,
    output: options.Output = "table",
) -> None:
    """Remove unused artifacts from the spec's storage; without --delete, only list them.

    The artifacts of the last run of each spec that uses the storage stay, and every model that is or was in
    service. A storage that a cluster uses is refused: the chart has a collector for it.
    """
    from ner_jobs.garbage import collect, messages
    from ner_jobs.garbage.roots import read_stored, recorded_keys
    from ner_operator.cli.here import open_here
    from ner_operator.cli.output import console, print_json

    store = open_here(file, settings, storage, name).workspace.store

    def in_use() -> frozenset[str]:
        return recorded_keys(read_stored(store), store.uri)

    garbage = collect.find_garbage(store, in_use, messages.parse_grace(grace))
    removed = None
    if delete:
        store.probe()
        removed = collect.remove(store, garbage, in_use)
    if output == "json":
        print_json(messages.to_json(garbage, removed))
        return
    out = console()
    for line in messages.found_lines(garbage):
        out.print(line, soft_wrap=True, markup=False)
    if removed is None:
        out.print("nothing was removed; nerd gc --delete removes it", soft_wrap=True)
        return
    for line in messages.removed_lines(removed):
        out.print(line, soft_wrap=True, markup=False)
