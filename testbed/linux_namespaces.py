"""Servers inside the Linux namespaces of another process, started with nsenter and unshare."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.processes import Server


@dataclass
class InsideServer(Server):
    """A server whose `process` is a tool that starts the program and waits for it."""

    @property
    def pid(self) -> int:
        """PID of the program on this machine."""
        return self.serves(f"the process of {self.name}", self._child)

    def _child(self) -> int | None:
        assert self.process is not None
        # The kernel lists the children of a process; no scan of /proc is needed.
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0]) if children else None


def entering_network(pid: int, *command: str) -> Sequence[str]:
    """The command, in the network namespace of a process."""
    return ("nsenter", f"--target={pid}", "--net", "--", *command)


def entering(pid: int, *command: str) -> Sequence[str]:
    """The command, in the PID, mount and network namespaces of a node."""
    return ("nsenter", f"--target={pid}", "--net", "--mount", "--pid", "--", *command)
