"""The first process of a node, in namespaces of its own: `python node_inside.py FOLDER`.

It prepares what kubelet and containerd expect of a machine, creates a file
`ready` in the folder, and then only reaps orphans. When it ends, the kernel
ends all other processes of the node and removes its mounts, so nothing has to
be cleaned up on the machine itself.
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
"""Settings that kubelet would write for the whole machine; the node has them in files of its own."""


def main(folder: Path) -> None:
    """Prepare the node, and reap orphans until this process is killed."""
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
    # Shared mounts of a pod reach the other pods of this node, and not the machine.
    _run("mount", "--make-rshared", "/")
    (folder / "ready").touch()
    while True:
        try:
            os.wait()
        except ChildProcessError:
            signal.sigtimedwait({signal.SIGCHLD}, 60)


def _make_own(path: str) -> None:
    """Overlay a folder: its files stay readable, and writes go to memory instead of the machine."""
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
    # Blocked, so that sigtimedwait also gets a signal that came before it was called.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    main(Path(sys.argv[1]))
