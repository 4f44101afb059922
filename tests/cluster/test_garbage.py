"""The collector as its CronJob runs it: under the chart's own rights, on a real API server.

`tests/store/test_garbage.py` has the same over every store, without a cluster.
"""

import http.client
import http.server
import json
import os
import secrets
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from kubernetes import client

from ner_jobs.garbage.__main__ import main
from ner_jobs.garbage.cluster import Cluster, list_deployments
from ner_jobs.store.directory import DirectoryStore
from ner_jobs.task import ExitCode, PermanentError, RetryableError, StorageSettings
from testbed.certificates import Authority
from testbed.programs import find_program

DAY = 86_400.0


@dataclass
class Collector:
    """The collector's account in a namespace, as a pod finds it.

    Attributes:
        account: the folder that the kubelet would mount.
        url: of the API server.
    """

    cluster: Any
    namespace: str
    account: Path
    url: str

    @property
    def of_pod(self) -> Cluster:
        parts = urlsplit(self.url)
        return Cluster.of_pod(str(parts.hostname), str(parts.port), self.account)

    def deployment(self, name: str, uri: str, **status: Any) -> None:
        """A NerDeployment with a status, as the operator would have written it."""
        objects = client.CustomObjectsApi(self.cluster.api)
        place = ("nerd.dev", "v1alpha1", self.namespace, "nerdeployments")
        spec = {
            "model": {"base": "s3://models/m"},
            "data": {"test": {"uri": "s3://data/test.txt"}},
            "variants": [
                {"name": "reference", "runtime": "cpu-openvino", "precision": "fp32", "reference": True}
            ],
            "storage": {"uri": uri},
        }
        kind = {"apiVersion": "nerd.dev/v1alpha1", "kind": "NerDeployment", "metadata": {"name": name}}
        objects.create_namespaced_custom_object(*place, {**kind, "spec": spec})
        if status:
            objects.patch_namespaced_custom_object_status(*place, name, {"status": status})


def account_of(cluster: Any, namespace: str, name: str, folder: Path) -> Path:
    """A service account's folder, with a real token of it."""
    written = yaml.safe_load(cluster.service_account(namespace, name).read_text())
    folder.mkdir()
    (folder / "token").write_text(written["users"][0]["user"]["token"])
    (folder / "ca.crt").write_bytes(Path(cluster.api.configuration.ssl_ca_cert).read_bytes())
    return folder


@pytest.fixture
def collector(
    cluster: Any, namespace: str, programs: Callable[..., None], repository: Path, tmp_path: Path
) -> Iterator[Collector]:
    programs("helm")
    values = ["garbageCollection.stores[0].name=a", "garbageCollection.stores[0].storage.uri=s3://ner/a"]
    chart, only = (
        str(repository / "charts" / "nerd-operator"),
        "--show-only=templates/garbage-collection.yaml",
    )
    done = subprocess.run(
        [
            find_program("helm"),
            "template",
            namespace,
            chart,
            only,
            "--namespace",
            namespace,
            "--set",
            ",".join(values),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    objects = list(yaml.safe_load_all(done.stdout))
    cluster.running.apply(objects)
    name = next(each for each in objects if each["kind"] == "ServiceAccount")["metadata"]["name"]
    account = account_of(cluster.running, namespace, name, tmp_path / "account")
    yield Collector(cluster.running, namespace, account, cluster.api.configuration.host)
    everywhere = [each["metadata"]["name"] for each in objects if each["kind"].startswith("ClusterRole")]
    cluster.running.kubectl("delete", "clusterrole,clusterrolebinding", everywhere[0])


@pytest.fixture
def keys() -> tuple[str, str]:
    """Of this test alone: the whole cluster is asked what lives, and other tests have objects in it."""
    return secrets.token_hex(32), secrets.token_hex(32)


@pytest.fixture
def store(tmp_path: Path, keys: tuple[str, str]) -> DirectoryStore:
    """A store with two old artifacts; of what they were made from nothing is left, which does not matter."""
    found = DirectoryStore(tmp_path / "store")
    for key in keys:
        manifest = {
            "stage": "compile", "key": key, "attempt": "1-a", "files": [], "outputs": {},
            "parameters": {}, "inputs": {}, "started": 0, "finished": 1,
        }  # fmt: skip
        found.put(f"compile/{key}/1-a/compiled/model", b"weights")
        found.put(f"compile/{key}/manifest.json", json.dumps(manifest).encode())
    for file in (tmp_path / "store" / "compile").rglob("*"):
        os.utime(file, (time.time() - 30 * DAY,) * 2)
    return found


@pytest.fixture
def run(collector: Collector, store: DirectoryStore, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The process of the CronJob's pod."""

    def run(*arguments: str) -> int:
        parts = urlsplit(collector.url)
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", str(parts.hostname))
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(parts.port))
        settings = StorageSettings(uri=store.uri).model_dump_json(by_alias=True, exclude_none=True)
        return main([f"--storage={settings}", *arguments], collector.account)

    return run


def keys_in(store: DirectoryStore) -> set[str]:
    return {item.key.split("/")[1] for item in store.list("compile/")}


def test_what_a_living_object_names_stays(
    collector: Collector,
    store: DirectoryStore,
    keys: tuple[str, str],
    run: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    stage = {"name": "compile/reference", "state": "Succeeded", "key": keys[0]}
    collector.deployment("alive", store.uri, observedGeneration=1, stages=[stage])
    assert run() == ExitCode.DONE
    said = capsys.readouterr().out
    assert f"compile/{keys[1]}  2 objects, 0.0 MiB: reached by nothing" in said
    assert "a dry run: nothing was removed" in said
    assert keys_in(store) == set(keys)
    assert run("--delete") == ExitCode.DONE
    assert "removed 1 key and 0 leftovers" in capsys.readouterr().out
    assert keys_in(store) == {keys[0]}


def test_what_was_deleted_while_nobody_looked_is_found(
    collector: Collector, store: DirectoryStore, keys: tuple[str, str], run: Callable[..., int]
) -> None:
    collector.deployment("other", "s3://elsewhere/x", observedGeneration=1)
    stage = {"name": "compile/reference", "state": "Succeeded", "key": keys[0]}
    collector.deployment("gone", store.uri, observedGeneration=1, stages=[stage])
    collector.cluster.kubectl("delete", "nerdeployment", "gone", f"--namespace={collector.namespace}")
    assert run("--delete") == ExitCode.DONE
    assert keys_in(store) == set()


def test_an_object_whose_keys_are_not_known_yet_stops_it(
    collector: Collector,
    store: DirectoryStore,
    keys: tuple[str, str],
    run: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    collector.deployment("new", store.uri)
    assert run("--delete") == ExitCode.TRY_AGAIN
    assert (
        f"the operator has not planned the present spec of {collector.namespace}/new"
        in capsys.readouterr().err
    )
    assert keys_in(store) == set(keys)


def test_an_account_without_the_right_deletes_nothing(
    collector: Collector,
    store: DirectoryStore,
    keys: tuple[str, str],
    run: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    collector.account = account_of(
        collector.cluster, collector.namespace, "powerless", tmp_path / "powerless"
    )
    assert run("--delete") == ExitCode.TRY_AGAIN
    said = capsys.readouterr().err
    assert "is incomplete (403 " in said
    assert "cannot list resource" in said
    assert keys_in(store) == set(keys)


def test_outside_of_a_pod_it_says_where_it_belongs(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="on this machine, run nerd gc"):
        Cluster.of_pod("10.0.0.1", "443", tmp_path)


@pytest.mark.parametrize(
    ("host", "url"), [("10.96.0.1", "https://10.96.0.1:443"), ("fd00::1", "https://[fd00::1]:443")]
)
def test_an_address_becomes_a_url(tmp_path: Path, host: str, url: str) -> None:
    (tmp_path / "token").write_text("secret\n")
    assert Cluster.of_pod(host, "443", tmp_path) == Cluster(url, "secret", tmp_path / "ca.crt")


def names(cluster: Cluster, namespace: str, page: int) -> list[str]:
    found = [each["metadata"] for each in list_deployments(cluster, page)]
    return sorted(each["name"] for each in found if each["namespace"] == namespace)


def test_a_list_of_many_pages_is_whole(collector: Collector) -> None:
    wanted = [f"number-{number}" for number in range(5)]
    for name in wanted:
        collector.deployment(name, "s3://ner/many")
    assert names(collector.of_pod, collector.namespace, page=2) == wanted
    assert names(collector.of_pod, collector.namespace, page=100) == wanted


def page_of(text: str) -> bytes:
    """An answer of 200 with this body."""
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n{text}".encode()


EXPIRED = json.dumps({"kind": "Status", "code": 410, "message": "The provided continue parameter is too old"})


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(
            f"HTTP/1.1 410 Gone\r\nContent-Length: {len(EXPIRED)}\r\n\r\n{EXPIRED}".encode(),
            "410 The provided continue parameter is too old",
            id="the place in the list is lost",
        ),
        pytest.param(
            b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\noops", "500", id="an error"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{", "IncompleteRead", id="half an answer"
        ),
        pytest.param(b"", "RemoteDisconnected", id="no answer"),
        pytest.param(page_of("<html>"), "JSONDecodeError", id="the page of a proxy"),
        pytest.param(page_of('{"kind": "Status"}'), "no list", id="no list"),
        pytest.param(page_of("[]"), "no list", id="a list of another kind"),
    ],
)
def test_where_the_second_page_is_lost_the_list_is(
    collector: Collector, tmp_path: Path, answer: bytes, said: str
) -> None:
    for number in range(2):
        collector.deployment(f"number-{number}", "s3://ner/lost")
    with between(collector, tmp_path, answer) as cluster:
        with pytest.raises(RetryableError, match="is incomplete") as lost:
            list(list_deployments(cluster, page=1))
        assert said in str(lost.value)


def test_nobody_is_there(collector: Collector) -> None:
    nobody = Cluster("https://127.0.0.1:1", "secret", collector.account / "ca.crt")
    with pytest.raises(RetryableError, match="Connection refused"):
        list(list_deployments(nobody))


def test_somebody_else_is_there(collector: Collector, tmp_path: Path) -> None:
    stranger = Authority.create(tmp_path / "stranger")
    deceived = Cluster(collector.url, "secret", stranger.certificate)
    with pytest.raises(RetryableError, match="CERTIFICATE_VERIFY_FAILED"):
        list(list_deployments(deceived))


class between:  # noqa: N801
    """A proxy before the API server that passes the first page on and answers the second itself."""

    def __init__(self, collector: Collector, folder: Path, answer: bytes) -> None:
        self._authority = Authority.create(folder / "proxy")
        certificate = self._authority.server("proxy", "IP:127.0.0.1")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.certificate, certificate.key)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler_of(collector, answer))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._token = (collector.account / "token").read_text()

    def __enter__(self) -> Cluster:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        url = f"https://127.0.0.1:{self._server.server_address[1]}"
        return Cluster(url, self._token, self._authority.certificate)

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def handler_of(collector: Collector, answer: bytes) -> type[http.server.BaseHTTPRequestHandler]:
    real = urlsplit(collector.url)
    trusting = ssl.create_default_context(cafile=str(collector.account / "ca.crt"))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if "continue=" in self.path:
                self.wfile.write(answer)
                self.close_connection = True
                return
            upstream = http.client.HTTPSConnection(str(real.hostname), real.port, context=trusting)
            upstream.request("GET", self.path, headers={"Authorization": self.headers["Authorization"]})
            response = upstream.getresponse()
            body = response.read()
            upstream.close()
            self.send_response(response.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler
