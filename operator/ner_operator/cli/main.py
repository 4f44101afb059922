"""The entry point: the list of commands, and how failures end.

A command is imported when it is called. `nerd --help` shows the summaries
below and imports none. A failure ends with one sentence on standard error and
a documented exit code, never with a traceback.
"""

import importlib
import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

INTERRUPTED = 130

# Some versions of Typer bundle click: find its errors through Typer.
_CLICK_ERROR = typer.BadParameter.__mro__[2]

EPILOG = (
    "Exit codes: 0 done; 3 nothing promoted (run --require-promoted); 64 wrong usage; 65 wrong data or spec; "
    "66 not found; 70 a check failed; 73 cannot write; 75 try again; 78 unfit store or host; 130 interrupted."
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A command: its line in the list, its function in the module of the same name, its panel."""

    summary: str
    function: str
    panel: str


WORK, CLUSTER, MODEL, STORE = "A spec", "In the cluster", "The model in service", "Results"

COMMANDS = {
    "init": Entry("Write a commented spec to start from.", "init", WORK),
    "validate": Entry("Report every mistake of a spec at once.", "validate", WORK),
    "plan": Entry("Show what would run, and why.", "plan", WORK),
    "run": Entry("Run every stage of a spec on this machine.", "run", WORK),
    "demo": Entry("Make a corpus, train and promote an int8 model.", "demo", WORK),
    "list": Entry("List NerDeployments, ready or why not.", "list_", CLUSTER),
    "status": Entry("Show one: its stages as a tree, and what to do next.", "status", CLUSTER),
    "rerun": Entry("Request stages again.", "rerun", CLUSTER),
    "suspend": Entry("Stop one, and keep its results.", "suspend", CLUSTER),
    "resume": Entry("Continue a suspended one.", "resume", CLUSTER),
    "adopt": Entry("Take over the model of a deleted one of its name.", "adopt", CLUSTER),
    "predict": Entry("Find the entities in text with the promoted model.", "predict", MODEL),
    "promote": Entry("Put the spec's revision into service by hand.", "promote", MODEL),
    "rollback": Entry("Put the previous model back into service.", "rollback", MODEL),
    "history": Entry("Show what was in service, and who moved the pointer.", "history", MODEL),
    "report": Entry("Compare all variants: F1, drop, speed, size, verdict.", "report", STORE),
    "logs": Entry("Show the logs of stages.", "logs", STORE),
    "npz": Entry("Write a split as the npz set of the reference workflow.", "npz", STORE),
    "verify": Entry("Hash all bytes of all artifacts of a spec.", "verify", STORE),
    "gc": Entry("Remove unused artifacts.", "gc", STORE),
}


class Commands(TyperGroup):
    """Imports a command when it is called, and none to list them."""

    _listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        """All names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, imported; only its summary while the list is printed."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        app = typer.Typer(add_completion=False, context_settings={"help_option_names": ["-h", "--help"]})
        if self._listing:
            app.command(cmd_name, help=entry.summary, rich_help_panel=entry.panel)(_nothing)
        else:
            module = importlib.import_module(f"ner_operator.cli.{cmd_name}")
            app.command(cmd_name)(getattr(module, entry.function))
        return typer.main.get_command(app)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands without importing them."""
        self._listing = True
        super().format_help(ctx, formatter)


def _nothing() -> None:
    """A command's function in the list."""


app = typer.Typer(
    name="nerd",
    cls=Commands,
    help="Train, compile, gate and promote NER models: one NerDeployment, here or on Kubernetes.",
    epilog=EPILOG,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _program(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Show the version and exit."),
) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"nerd {installed('nerdeployment')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        context.get_help()
        raise typer.Exit


def main() -> NoReturn:
    """Run this process's command line and exit."""
    program = "kubectl nerd" if Path(sys.argv[0]).name == "kubectl-nerd" else "nerd"
    try:
        result = app(prog_name=program, standalone_mode=False)
        code = result if isinstance(result, int) else 0
    except typer.Exit as stopped:
        code = stopped.exit_code
    except (typer.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except BrokenPipeError:
        # The reader, such as head or less, has closed the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as failed:
        code = _report(failed, program)
    sys.exit(code)


def _report(failed: Exception, program: str) -> int:
    """Print a failure as a sentence; returns the exit code."""
    # Imported here, so that only a failure pays for it.
    from ner_jobs.task.exit_codes import ExitCode, StageError

    if isinstance(failed, StageError):
        return _end(str(failed), failed.code)
    if isinstance(failed, _CLICK_ERROR):
        return _end(_usage(failed, program), ExitCode.USAGE)
    if os.environ.get("NERD_DEBUG"):
        traceback.print_exc()
    message = f"{type(failed).__name__}: {failed}".strip().splitlines()[0]
    return _end(f"unexpected {message}; NERD_DEBUG=1 shows where", 1)


def _usage(wrong: Any, program: str) -> str:
    """What is wrong with the arguments, and which help to read."""
    message = str(wrong.format_message()).rstrip(".")
    context = getattr(wrong, "ctx", None)
    return f"{message[:1].lower()}{message[1:]}; see {context.command_path if context else program} --help"


def _end(message: str, code: int) -> int:
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(Text("nerd: ", style="bold red") + Text(message))
    return code


if __name__ == "__main__":
    main()
