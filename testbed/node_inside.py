"""The first process of a node, in namespaces of its own: `python node_inside.py FOLDER`.

It arranges what kubelet and containerd expect of a machine, says so (a file
`ready` in the folder), and then only buries orphans. When it ends, the kernel
ends all other processes of the node and takes its mounts away: nothing of a
node has to be cleaned up on the machine itself, whatever became of it.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

TUNABLES = {
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
"""What kubelet writes for the whole machine; here it finds it written already, in files of the node's own."""


def main(folder: Path) -> None:
    """Arrange the node, and bury orphans until somebody kills this process."""
    for path in ("/run", "/var/log"):
        _run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", path)
    _make_own("/var/lib")
    # Device plugins register here, whatever kubelet's --root-dir is.
    _bind(folder / "kubelet", Path("/var/lib/kubelet"))
    for name, value in TUNABLES.items():
        file = folder / "tunables" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{value}\n")
        _run("mount", "--bind", str(file), f"/proc/sys/{name}")
    # Mounts that a pod asks to share reach the other pods of this node, and not the machine.
    _run("mount", "--make-rshared", "/")
    (folder / "ready").touch()
    while True:
        try:
            os.wait()
        except ChildProcessError:
            signal.sigtimedwait({signal.SIGCHLD}, 60)


def _make_own(path: str) -> None:
    """What is there stays to be seen; what is written goes to memory, and the machine does not see it."""
    upper, work = (Path("/run/own") / path.strip("/").replace("/", "-") / name for name in ("upper", "work"))
    for folder in (upper, work):
        folder.mkdir(parents=True)
    _run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={path},upperdir={upper},workdir={work}", path)


def _bind(source: Path, target: Path) -> None:
    for path in (source, target):
        path.mkdir(parents=True, exist_ok=True)
    _run("mount", "--bind", str(source), str(target))


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


if __name__ == "__main__":
    # Asked for later: one that comes before the question would be lost otherwise.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    main(Path(sys.argv[1]))
