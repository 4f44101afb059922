"""Shows a run: progress bars on a terminal, plain lines in a log."""

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ner_operator.local.process import Progress
from ner_operator.planning.figures import headline_words
from ner_operator.planning.plan import Cached, Plan

SECONDS_BETWEEN_LINES = 10.0
"""Between two lines of one step's progress, without a terminal."""


class Lines:
    """Prints a line for each event."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._printed_at: dict[str, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def planned(self, plan: Plan) -> None:
        """Print how many steps are cached."""
        cached = sum(isinstance(planned.state, Cached) for planned in plan)
        if cached:
            self._print("cached", f"{cached} of {len(plan.steps)} steps", style="dim")

    def started(self, step: str, threads: int, why: Sequence[str]) -> None:
        """Print that a step has started, and why."""
        reason = "; ".join(why[:3]) + (f"; and {len(why) - 3} more" if len(why) > 3 else "")
        self._print("run", f"{step}  ({reason})", style="cyan")

    def logged(self, step: str, line: str) -> None:
        """Print a line of a step's log."""
        if line.strip():
            self.console.print(Text(f"          {step}: {line}", style="dim"))

    def progressed(self, progress: Progress) -> None:
        """Print a step's progress from time to time."""
        now = time.monotonic()
        if now - self._printed_at.setdefault(progress.step, now) >= SECONDS_BETWEEN_LINES:
            self._printed_at[progress.step] = now
            self.logged(progress.step, progress.text)

    def finished(self, step: str, seconds: float, headline: Mapping[str, object]) -> None:
        """Print that a step has finished."""
        self._print(
            "done", f"{step}  {duration(seconds)}  {headline_words(headline)}".rstrip(), style="green"
        )

    def failed(self, step: str, message: str, seconds: float) -> None:
        """Print that a step has failed."""
        self._print("failed", f"{step}  {duration(seconds)}: {message}", style="bold red")

    def retrying(self, step: str, message: str, seconds: float) -> None:
        """Print when a step runs again."""
        self._print("again", f"{step} in {duration(seconds)}: {message}", style="yellow")

    def stopping(self, steps: Sequence[str]) -> None:
        """Print which steps save their work."""
        what = f"{', '.join(steps)} save their work" if steps else "nothing runs"
        self._print("stopping", f"{what}; Ctrl-C again ends at once", style="yellow")

    def _print(self, word: str, text: str, style: str) -> None:
        self.console.print(Text(f"{word:>8}  ", style=style) + Text(text))


class Bars(Lines):
    """The same, with a bar below the lines for each running step."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._running: dict[str, tuple[float, Progress | None]] = {}
        self._live = Live(console=console, refresh_per_second=4, transient=True, get_renderable=self._table)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.clear()
        self._live.__exit__(kind, error, trace)

    def started(self, step: str, threads: int, why: Sequence[str]) -> None:
        """Add a bar."""
        super().started(step, threads, why)
        self._running[step] = (time.monotonic(), None)

    def progressed(self, progress: Progress) -> None:
        """Move the bar."""
        if progress.step in self._running:
            self._running[progress.step] = (self._running[progress.step][0], progress)

    def finished(self, step: str, seconds: float, headline: Mapping[str, object]) -> None:
        """Remove the bar."""
        self._running.pop(step, None)
        super().finished(step, seconds, headline)

    def failed(self, step: str, message: str, seconds: float) -> None:
        """Remove the bar."""
        self._running.pop(step, None)
        super().failed(step, message, seconds)

    def retrying(self, step: str, message: str, seconds: float) -> None:
        """Remove the bar until the step runs again."""
        self._running.pop(step, None)
        super().retrying(step, message, seconds)

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 1))
        for step, (began, progress) in list(self._running.items()):
            total = progress.total if progress and progress.total > 0 else None
            bar = ProgressBar(
                total=total, completed=progress.done if progress else 0, width=28, pulse=not total
            )
            what = progress.text if progress else ""
            table.add_row(
                Text(f"{step:>20}", style="cyan"), bar, duration(time.monotonic() - began), Text(what)
            )
        return table


def display_on(console: Console) -> Lines:
    """Bars on a terminal, lines elsewhere."""
    return Bars(console) if console.is_terminal else Lines(console)


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3:05 min`, `1:02 h`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d} min"
    return f"{minutes // 60}:{minutes % 60:02d} h"
