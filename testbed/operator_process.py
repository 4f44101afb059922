"""The operator as a process of this machine, with the service account and the rights of its chart."""

import contextlib
import http.client
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from kubernetes.client.exceptions import ApiException

from testbed.cluster import Cluster, user_name
from testbed.processes import Server
from testbed.programs import REPOSITORY, find_program
from testbed.waiting import free_port, until

CHART = REPOSITORY / "charts" / "nerd-operator"
IMAGE = "nerd-jobs:test"

TICKS = os.sysconf("SC_CLK_TCK")

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 3.0
"""Seconds before a restart: a hundred times faster than the kubelet's 10 seconds to 5 minutes."""


@dataclass(frozen=True, slots=True)
class Account:
    """The operator's service account.

    Attributes:
        namespaces: those that the operator serves; empty for the whole cluster.
        user: its name in the audit log.
    """

    kubeconfig: Path
    namespaces: tuple[str, ...]
    user: str


def operator_account(cluster: Cluster, release: str, namespaces: Sequence[str] = ()) -> Account:
    """Give a service account the rights of the chart's operator, and no others.

    Args:
        release: names the account and its roles. Without `namespaces` it also names the account's namespace.
        namespaces: those to serve; empty for the whole cluster. The account is in the first.
    """
    home = namespaces[0] if namespaces else release
    if not namespaces:
        _make_namespace(cluster, home)
    shown = ("serviceaccount.yaml", "rbac-operator.yaml")
    rendered = subprocess.run(
        [
            str(find_program("helm")),
            *("template", release, str(CHART), "--namespace", home),
            *(f"--set=watch.namespaces[{at}]={name}" for at, name in enumerate(namespaces)),
            *(f"--show-only=templates/{template}" for template in shown),
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    objects = [each for each in yaml.safe_load_all(rendered) if each]
    cluster.apply(objects)
    name = next(each["metadata"]["name"] for each in objects if each["kind"] == "ServiceAccount")
    return Account(cluster.service_account(home, name), tuple(namespaces), user_name(home, name))


class Operator:
    """One process of the operator, which a test starts, stops and kills.

    Attributes:
        port: of /metrics, /healthz and /readyz.
        starts: number of starts.
    """

    def __init__(
        self, folder: Path, name: str, account: Account, *arguments: str, kubeconfig: Path | None = None
    ) -> None:
        """Start nothing yet.

        Args:
            folder: of its log.
            name: unique in that folder.
            arguments: more flags.
            kubeconfig: replaces the account's own, for example to go through a proxy.
        """
        self.account = account
        self.port = free_port()
        self.starts = 0
        self._kept = False
        self.server = Server(
            name,
            [
                sys.executable,
                *("-m", "ner_operator.main", f"--image={IMAGE}", f"--metrics-port={self.port}"),
                *(f"--namespace={served}" for served in account.namespaces),
                *arguments,
            ],
            folder,
            {
                "KUBECONFIG": str(kubeconfig or account.kubeconfig),
                "PYTHONPATH": f"{REPOSITORY / 'operator'}{os.pathsep}{REPOSITORY / 'jobs'}",
            },
        )

    def start(self) -> None:
        """Start it and wait until it has read the cluster."""
        self.begin()
        until("the operator", self.ready)

    def begin(self) -> None:
        """Start it without waiting."""
        self.starts += 1
        self.server.start()

    def check(self) -> None:
        """Fail if it has ended and nothing restarts it.

        Raises:
            EndedError: it has ended.
        """
        if not self._kept:
            self.server.check()

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Start it, and restart it whenever it ends during a block, as a kubelet does.

        The pause grows until it has read the cluster once.
        """
        ending = threading.Event()

        def keep() -> None:
            pause, well = FIRST_PAUSE, False
            while not ending.wait(0.05):
                if self.exit_code() is None:
                    well = well or self.ask("readyz")[0] == 200
                    continue
                pause = FIRST_PAUSE if well else min(LONGEST_PAUSE, 2 * pause)
                well = False
                if not ending.wait(pause):
                    self.begin()

        self._kept = True
        self.begin()
        keeper = threading.Thread(target=keep, daemon=True)
        keeper.start()
        try:
            until("the operator", lambda: self.ask("readyz")[0] == 200)
            yield
        finally:
            ending.set()
            keeper.join()
            self._kept = False

    def kill(self) -> None:
        """Kill it, as the kernel does when memory is short. It has ended when this returns."""
        process = self.server.process
        if process is not None:
            process.kill()
            process.wait()

    def ready(self) -> bool:
        """Whether it has read the cluster.

        Raises:
            EndedError: it has ended.
        """
        self.server.check()
        return self.ask("readyz")[0] == 200

    def ask(self, path: str) -> tuple[int, str]:
        """Status and text of one of its endpoints; status 0 if it does not answer."""
        # It may be killed while it answers.
        with contextlib.suppress(OSError, http.client.HTTPException):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=10) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                return error.code, error.read().decode()
        return 0, ""

    def metric(self, name: str) -> float:
        """Sum of all series of a metric; 0 if there is none."""
        _, text = self.ask("metrics")
        return sum(
            float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE)
        )

    @property
    def pid(self) -> int:
        """Number of the process.

        Raises:
            EndedError: it does not run.
        """
        self.server.check()
        assert self.server.process is not None
        return self.server.process.pid

    def exit_code(self) -> int | None:
        """Exit code of a process that has ended by itself; None while it runs."""
        return self.server.process.poll() if self.server.process else None

    def resident_mib(self, peak: bool = False) -> float:
        """Its resident memory, now or at its peak."""
        field = "VmHWM" if peak else "VmRSS"
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)
        assert found is not None
        return int(found[1]) / 1024

    def cpu_seconds(self) -> float:
        """CPU time since its start."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def freeze(self) -> None:
        """Stop it until `thaw`."""
        self.server.send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Continue after `freeze`."""
        self.server.send(signal.SIGCONT)


def _make_namespace(cluster: Cluster, name: str) -> None:
    try:
        cluster.core.create_namespace({"metadata": {"name": name}})
    except ApiException as error:
        if error.status != 409:
            raise
