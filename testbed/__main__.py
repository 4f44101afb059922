"""`python -m testbed`: a cluster for trying things out, and the download of the programs that it needs."""

import argparse
import shutil
import sys
from pathlib import Path

from testbed import downloads
from testbed.cleanup import clean_up
from testbed.control_plane import ControlPlane, start_control_plane
from testbed.disk import NoRoomError
from testbed.fake_nodes import ACCELERATORS, add_fake_nodes, add_tainted_fake_nodes, start_kwok
from testbed.outcomes import install_outcomes
from testbed.processes import marked
from testbed.programs import DOWNLOADED, REPOSITORY, ProgramMissingError, find_program
from testbed.real_node import start_real_cluster
from testbed.s3 import start_s3

FOLDER = REPOSITORY / ".cache" / "cluster"
FAKE_NODES = 4


def main() -> int:
    """Run a command; messages go to standard error."""
    parser = argparse.ArgumentParser(prog="python -m testbed", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start a cluster and leave it running")
    up.add_argument("--node", action="store_true", help="with a real node (root; Debian's containerd)")
    down = commands.add_parser("down", help="end that cluster and remove all its files")
    for each in (up, down):
        each.add_argument("--folder", type=Path, default=FOLDER, help=f"of its state (default {FOLDER})")
    commands.add_parser("download", help="download the programs of the official releases into .cache")
    options = parser.parse_args()
    try:
        match options.command:
            case "up":
                start(options.folder.resolve(), options.node)
            case "down":
                stop(options.folder.resolve())
            case _:
                download()
    except (ProgramMissingError, NoRoomError, downloads.DownloadError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def start(folder: Path, real: bool) -> None:
    """Start a cluster with the CRDs and leave it running; if that fails, leave nothing behind."""
    if marked(folder):
        _print("it is running already; `make cluster-down` ends it")
        _print_kubeconfig(folder)
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        plane = start_real_cluster(folder).plane if real else start_control_plane(folder)
        _set_up(plane, real)
    except (ProgramMissingError, NoRoomError):
        clean_up(folder)
        shutil.rmtree(folder, ignore_errors=True)
        raise
    except BaseException:
        clean_up(folder)
        _print(f"it could not be started; its logs are in {folder / 'logs'}")
        raise
    _print_kubeconfig(folder)


def stop(folder: Path) -> None:
    """End a cluster and remove its folder."""
    clean_up(folder)
    shutil.rmtree(folder, ignore_errors=True)
    _print("the cluster has ended; its files are removed")


def download() -> None:
    """Download every program of the official releases into the cache."""
    for release in downloads.here():
        _print(str(downloads.download(release, DOWNLOADED)))


def _set_up(plane: ControlPlane, real: bool) -> None:
    plane.apply_crds(REPOSITORY / "crds")
    start_kwok(plane)
    add = add_tainted_fake_nodes if real else add_fake_nodes
    add(plane, FAKE_NODES)
    install_outcomes(plane)
    devices = ", ".join(f"{count} {name}" for name, count in ACCELERATORS.items())
    _print(f"{FAKE_NODES} fake nodes with {devices} each{', for pods that tolerate them' if real else ''}")
    if real:
        _print("1 real node: node-1")
    try:
        s3 = start_s3(plane)
    except ProgramMissingError as error:
        _print(f"no S3 server: {error}")
    else:
        _print(f"an S3 server: {s3.endpoint}, credentials {s3.access_key} {s3.secret_key}")


def _print_kubeconfig(folder: Path) -> None:
    _print(f"kubectl: {find_program('kubectl')}; end it all: make cluster-down")
    print(f"export KUBECONFIG={folder / 'admin.kubeconfig'}")


def _print(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
