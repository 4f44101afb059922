"""Images without a daemon and a registry: files in an archive that containerd imports."""

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from testbed.programs import ProgramMissingError

ROOT_OF_PATH = "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


def pack(archive: Path, name: str, files: Mapping[str, Path], command: Sequence[str]) -> None:
    """Write an archive (as `docker save` does) of an image of one layer.

    Args:
        archive: to write.
        name: `localhost/pause:1`; pods refer to the image by this name.
        files: by their path in the image, without the leading slash.
        command: that it runs by default.
    """
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as packed:
        folders = {str(parent) for path in files for parent in Path(path).parents} - {"."}
        for folder in sorted({"tmp", *folders}):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            packed.addfile(entry)
        for path, source in files.items():
            packed.add(source, path, filter=_owned_by_root)
    data = layer.getvalue()
    digest = hashlib.sha256(data).hexdigest()
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": list(command), "Env": [ROOT_OF_PATH], "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        }
    ).encode()
    identity = hashlib.sha256(config).hexdigest()
    index = [{"Config": f"{identity}.json", "RepoTags": [name], "Layers": [f"{digest}/layer.tar"]}]
    parts = {
        f"{identity}.json": config,
        f"{digest}/layer.tar": data,
        "manifest.json": json.dumps(index).encode(),
    }
    with tarfile.open(archive, "w") as outer:
        for path, content in parts.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            outer.addfile(entry, io.BytesIO(content))


def pack_busybox(archive: Path, name: str, command: Sequence[str]) -> None:
    """Write an image with busybox and some of its tools.

    Raises:
        ProgramMissingError: this machine has no static busybox.
    """
    busybox = shutil.which("busybox")
    if busybox is None:
        raise ProgramMissingError("needs busybox: apt-get install busybox-static")
    tools = ("busybox", "sh", "sleep", "cat", "ls", "env", "wget", "id")
    pack(archive, name, {f"bin/{tool}": Path(busybox) for tool in tools}, command)


def layers_of(archive: Path) -> list[str]:
    """Digests of the uncompressed layers in an archive as `docker save` writes it."""
    with tarfile.open(archive) as opened:
        [described] = json.loads(_read(opened, "manifest.json"))
        config = json.loads(_read(opened, described["Config"]))
    return list(config["rootfs"]["diff_ids"])


def _read(opened: tarfile.TarFile, name: str) -> bytes:
    member = opened.extractfile(name)
    assert member is not None, f"{name} is not a file"
    return member.read()


def _owned_by_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry
