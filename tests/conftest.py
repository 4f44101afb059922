"""What all tests share: the material beside the checkout, where it is there."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from testbed import s3_servers
from testbed.programs import ProgramMissingError, find_program
from testbed.s3_servers import S3Server

# How long an example takes depends on what else the machine does; speed is measured in benchmarks/.
hypothesis.settings.register_profile("nerd", deadline=None)
hypothesis.settings.load_profile("nerd")

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED = REPOSITORY.parent / "shared"


def _require(present: bool, message: str) -> None:
    """Skip where something outside the repository is absent; fail where CI says that it must be there."""
    if present:
        return
    if os.environ.get("NERD_REQUIRE_SHARED") == "1":
        pytest.fail(f"{message} (NERD_REQUIRE_SHARED=1)")
    pytest.skip(message)


@pytest.fixture(scope="session")
def require() -> Callable[[bool, str], None]:
    """`require(present, message)` skips, or fails under NERD_REQUIRE_SHARED=1."""
    return _require


@pytest.fixture(scope="session")
def programs() -> Callable[..., None]:
    """`programs("etcd", …)` skips where one of them is nowhere, or fails where it must be there."""

    def need(*names: str) -> None:
        for name in names:
            try:
                find_program(name)
            except ProgramMissingError as error:
                _require(False, str(error))

    return need


@pytest.fixture(scope="session")
def any_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server: versitygw, or moto's where versitygw is nowhere."""
    folder = tmp_path_factory.mktemp("s3")
    try:
        find_program("versitygw")
    except ProgramMissingError:
        pytest.importorskip("moto.server")
        with s3_servers.moto(folder) as server:
            yield server
    else:
        with s3_servers.versitygw(folder) as server:
            yield server


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """The shared material: the real corpus, a pretrained encoder, Kubernetes' programs."""
    _require(SHARED.is_dir(), "needs the shared material at ../shared, beside the checkout")
    return SHARED
