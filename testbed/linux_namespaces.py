"""Servers inside the namespaces of another process, by the tools of util-linux."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.processes import Server


@dataclass
class InsideServer(Server):
    """A server whose `process` is a tool that waits for the program itself."""

    @property
    def pid(self) -> int:
        """Of the program, as this machine numbers it."""
        return self.serves(f"the process of {self.name}", self._child)

    def _child(self) -> int | None:
        assert self.process is not None
        # The kernel knows a process' children: no walk over all there are.
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0]) if children else None


def entering_network(pid: int, *command: str) -> Sequence[str]:
    """The command, in the network of a process."""
    return ("nsenter", f"--target={pid}", "--net", "--", *command)


def entering(pid: int, *command: str) -> Sequence[str]:
    """The command, among a node's processes, with its mounts and its network."""
    return ("nsenter", f"--target={pid}", "--net", "--mount", "--pid", "--", *command)
