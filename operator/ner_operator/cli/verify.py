"""`nerd verify`: hash all bytes of all artifacts of a spec."""

import typer

from ner_operator.cli.options import Name, Output, Settings, SpecFile, Storage, workspace


def verify(
    file: SpecFile,
    settings: Settings = [],  # noqa: B006
    storage: Storage = None,
    name: Name = None,
    output: Output = "table",
) -> None:
    """Hash all bytes of all artifacts of a spec, and of the model in service; names what is corrupt.

    Exit code 65 where something is. Cached in a plan means that manifests and sizes are right; this reads
    everything.
    """
    from rich.text import Text

    from ner_jobs.store.artifacts import find_damage, read_manifest
    from ner_jobs.task import ExitCode, Stage
    from ner_operator.cli.output import console, print_json
    from ner_operator.planning.plan import Cached, Run

    here = workspace(file, settings, storage, name)
    plan = here.observer.look()
    wanted: dict[tuple[Stage, str], str] = {
        (planned.step.stage, planned.state.key): planned.step.name
        for planned in plan
        if isinstance(planned.state, Cached) or (isinstance(planned.state, Run) and planned.state.damaged)
    }
    if pointer := here.observer.pointer:
        wanted.setdefault((Stage.COMPILE, pointer.compile_key), f"in service ({pointer.variant})")
    out, results = console(), []
    for (stage, key), step in wanted.items():
        found = read_manifest(here.store, stage, key)
        if found:
            wrong = [damage.message for damage in find_damage(here.store, found[0])]
        else:
            wrong = [f"{here.store.uri}/{stage}/{key}/manifest.json is gone"]
        size = sum(entry.size for entry in found[0].files) if found else 0
        results.append({"step": step, "key": key, "bytes": size, "damage": wrong})
        if output == "table":
            state = Text("damaged", style="bold red") if wrong else Text("whole", style="green")
            out.print(Text(f"{step:<28} {key[:12]} {size / 2**20:9.1f} MiB  ") + state, soft_wrap=True)
            for message in wrong:
                out.print(Text(f"  {message}", style="red"), soft_wrap=True)
    damaged = [str(result["step"]) for result in results if result["damage"]]
    if output == "json":
        print_json(results)
    elif damaged:
        again = " ".join(f"--rerun {step}" for step in damaged if " " not in step)
        out.print(f"\nnerd run -f {file} {again} makes it anew", soft_wrap=True)
    elif not results:
        out.print("nothing of this spec is in the store yet")
    if damaged:
        raise typer.Exit(ExitCode.DATA)
