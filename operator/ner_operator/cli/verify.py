"""`nerd verify`: hash all bytes of all artifacts of a spec."""

import typer

from ner_operator.cli import options


def verify(
    file: options.SpecFile,
    settings: options.Settings = [],  # noqa: B006
    storage: options.Storage = None,
    name: options.Name = None,
    output: options.Output = "table",
) -> None:
    """Hash all bytes of all artifacts of a spec and of the model in service, and name what is corrupt.

    The exit code is 65 if something is. A plan reads manifests and sizes only; this command reads every byte.
    """
    from rich.text import Text

    from ner_jobs.store.artifacts import find_damage, read_manifest
    from ner_jobs.task import ExitCode, Stage
    from ner_operator.cli.here import open_here
    from ner_operator.cli.output import console, print_json
    from ner_operator.planning.plan import Cached, Run

    here = open_here(file, settings, storage, name).workspace
    plan = here.view.plan()
    wanted: dict[tuple[Stage, str], str] = {
        (planned.step.stage, planned.state.key): planned.step.name
        for planned in plan
        if isinstance(planned.state, Cached) or (isinstance(planned.state, Run) and planned.state.damaged)
    }
    if pointer := here.view.pointer:
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
        out.print(f"\nnerd run -f {file} {again} computes it again", soft_wrap=True)
    elif not results:
        out.print("nothing of this spec is in the store yet")
    if damaged:
        raise typer.Exit(ExitCode.DATA)
