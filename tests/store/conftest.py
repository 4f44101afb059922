"""Real servers in processes of their own, and a proxy of ours that stands in the way of one.

versitygw is the S3 server of the shared material; moto's is there wherever the
tests are installed. Each test gets a bucket of its own.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ner_jobs.store.directory import DirectoryStore
from ner_jobs.store.parts import MIB, Transfers
from ner_jobs.store.protocol import Store
from ner_jobs.store.retrying import Retries
from ner_jobs.store.s3 import S3Store
from ner_jobs.task import StorageSettings
from testbed import s3_servers
from testbed.faulty_s3 import Fault, Proxy, proxy_before
from testbed.s3_servers import CREDENTIALS, S3Server


@pytest.fixture(scope="session")
def versitygw(programs: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    programs("versitygw")
    with s3_servers.versitygw(tmp_path_factory.mktemp("versitygw")) as server:
        yield server


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    pytest.importorskip("moto.server")
    with s3_servers.moto(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


PATIENT = Retries(first=0.001, longest=0.01)
"""As in life, but waiting for nothing."""

SMALL_PARTS = Transfers(part=5 * MIB, parallel=3)


def open_s3(endpoint: str, bucket: str, **settings: Any) -> S3Store:
    uri = f"s3://{bucket}/a prefix/of+ours"
    return S3Store(
        StorageSettings(uri=uri, endpoint_url=endpoint, **settings), retries=PATIENT, transfers=SMALL_PARTS
    )


@pytest.fixture
def s3() -> Callable[..., S3Store]:
    return open_s3


@pytest.fixture(params=["directory", "versitygw", "moto"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Every store that there is; one suite holds them all."""
    if request.param == "directory":
        return DirectoryStore(tmp_path / "the store")
    server: S3Server = request.getfixturevalue(request.param)
    return open_s3(server.endpoint, server.new_bucket())


@pytest.fixture(params=["directory", "versitygw"])
def racing_store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """The stores whose conditional writes are atomic; moto looks first and writes then."""
    if request.param == "directory":
        return DirectoryStore(tmp_path / "the store")
    server: S3Server = request.getfixturevalue("versitygw")
    return open_s3(server.endpoint, server.new_bucket())


@pytest.fixture
def proxy(any_server: S3Server) -> Iterator[Proxy]:
    with proxy_before(any_server.endpoint) as proxied:
        yield proxied


@pytest.fixture
def fault() -> type[Fault]:
    return Fault
