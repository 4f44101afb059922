"""Downloads the programs from the releases of their projects into a cache.

Each is checked against the checksums that its project publishes. Two projects
publish none; there only the connection to GitHub is verified.
"""

import hashlib
import io
import platform
import sys
import tarfile
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

KUBERNETES = "v1.36.2"
ETCD = "v3.6.8"
KWOK = "v0.8.0"
HELM = "v4.2.4"
KUBECONFORM = "v0.8.0"
VERSITYGW = "v1.8.0"

MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


class DownloadError(Exception):
    """A release does not exist, or does not match its checksum."""


@dataclass(frozen=True, slots=True)
class Release:
    """The release of a program.

    Attributes:
        url: of the program itself, or of a tar.gz.
        member: its path in the tar.gz; empty if `url` is the program itself.
        sums: URL of the checksums; empty if the project publishes none.
    """

    name: str
    url: str
    member: str = ""
    sums: str = ""


def releases(machine: str) -> tuple[Release, ...]:
    """All programs for an architecture, as Go names it: `amd64`, `arm64`."""
    kubernetes = f"https://dl.k8s.io/release/{KUBERNETES}/bin/linux/{machine}"
    etcd = f"https://github.com/etcd-io/etcd/releases/download/{ETCD}"
    etcd_name = f"etcd-{ETCD}-linux-{machine}"
    helm = f"https://get.helm.sh/helm-{HELM}-linux-{machine}.tar.gz"
    kubeconform = f"https://github.com/yannh/kubeconform/releases/download/{KUBECONFORM}"
    unix = {"amd64": "x86_64"}.get(machine, machine)
    versitygw = f"versitygw_{VERSITYGW}_Linux_{unix}"
    return (
        *(
            Release(name, f"{kubernetes}/{name}", sums=f"{kubernetes}/{name}.sha256")
            for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl")
        ),
        Release("etcd", f"{etcd}/{etcd_name}.tar.gz", f"{etcd_name}/etcd", f"{etcd}/SHA256SUMS"),
        Release(
            "kwok", f"https://github.com/kubernetes-sigs/kwok/releases/download/{KWOK}/kwok-linux-{machine}"
        ),
        Release("helm", helm, f"linux-{machine}/helm", f"{helm}.sha256sum"),
        Release(
            "kubeconform",
            f"{kubeconform}/kubeconform-linux-{machine}.tar.gz",
            "kubeconform",
            f"{kubeconform}/CHECKSUMS",
        ),
        Release(
            "versitygw",
            f"https://github.com/versity/versitygw/releases/download/{VERSITYGW}/{versitygw}.tar.gz",
            f"{versitygw}/versitygw",
        ),
    )


def here() -> tuple[Release, ...]:
    """The releases for this machine.

    Raises:
        DownloadError: there are none for it.
    """
    machine = MACHINES.get(platform.machine())
    if machine is None or sys.platform != "linux":
        raise DownloadError(f"no releases for {sys.platform} on {platform.machine()}: Linux on {MACHINES}")
    return releases(machine)


def fetch(url: str) -> bytes:
    """The content of a URL.

    Raises:
        DownloadError: it cannot be read.
    """
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            data: bytes = answer.read()
    except OSError as error:
        raise DownloadError(f"{url}: {error}") from error
    return data


def download(release: Release, target: Path, fetch: Callable[[str], bytes] = fetch) -> Path:
    """Download a program into a folder, unless it is there already.

    Raises:
        DownloadError: it cannot be read, or does not match its checksum.
    """
    program = target / release.name
    if program.exists():
        return program
    data = fetch(release.url)
    if release.sums:
        _check(release, data, fetch(release.sums).decode())
    if release.member:
        data = _unpacked(release, data)
    target.mkdir(parents=True, exist_ok=True)
    unfinished = program.with_suffix(".part")
    unfinished.write_bytes(data)
    unfinished.chmod(0o755)
    unfinished.rename(program)
    return program


def _check(release: Release, data: bytes, sums: str) -> None:
    file = release.url.rpartition("/")[2]
    lines = [line.split() for line in sums.splitlines() if line.strip()]
    # A list of `sum  file`, or one sum alone.
    wanted = [words[0] for words in lines if len(words) == 1 or words[-1].lstrip("*").endswith(file)]
    if hashlib.sha256(data).hexdigest() not in wanted:
        raise DownloadError(f"{release.url} does not match {release.sums}; nothing was kept")


def _unpacked(release: Release, data: bytes) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        try:
            member = archive.extractfile(release.member)
        except KeyError:
            member = None
        if member is None:
            raise DownloadError(f"{release.url} has no file {release.member}")
        return member.read()
