"""S3 servers as processes for the duration of a block: versitygw, and moto's server.

They are for tests and benchmarks that run on this machine alone; `testbed.s3`
starts one that the pods of a cluster reach. Each test takes its own bucket.
"""

import contextlib
import functools
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from testbed.programs import find_program
from testbed.waiting import answers, free_port, until

ACCESS, SECRET, REGION = "tester", "tester-secret", "us-east-1"

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": ACCESS,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
"""The environment of a client: credentials of the server, and none of this machine."""


@dataclass(frozen=True)
class S3Server:
    """A running S3 server.

    Attributes:
        endpoint: its URL, as this machine and the pods write it.
        access_key, secret_key: of its only user.
        checks_signatures: whether it refuses a request with a wrong secret.
    """

    endpoint: str
    access_key: str = ACCESS
    secret_key: str = SECRET
    checks_signatures: bool = True

    @property
    def environment(self) -> dict[str, str]:
        """The credentials under the names that AWS gives them: for a process, or as the data of a Secret."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": REGION,
        }

    @functools.cached_property
    def client(self) -> Any:
        """A client of boto3, for what a test does besides using the store."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
            ),
        )

    def new_bucket(self) -> str:
        """Create a bucket and return its name."""
        bucket = f"test-{secrets.token_hex(8)}"
        self.client.create_bucket(Bucket=bucket)
        return bucket


@contextlib.contextmanager
def versitygw(folder: Path, options: Sequence[str] = (), scheme: str = "http") -> Iterator[S3Server]:
    """Run versitygw over a folder.

    Args:
        options: more options of versitygw.

    Raises:
        ProgramMissingError: versitygw is not on this machine.
    """
    data = folder / "data"
    data.mkdir(parents=True)
    program = str(find_program("versitygw"))

    def command(port: int) -> list[str]:
        return [program, *options, "--port", f"127.0.0.1:{port}", "posix", str(data)]

    with _served(command, folder, scheme) as server:
        yield server


@contextlib.contextmanager
def moto(folder: Path) -> Iterator[S3Server]:
    """Run the server of moto, which is installed with the tests."""

    def command(port: int) -> list[str]:
        return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]

    with _served(command, folder, "http") as server:
        yield replace(server, checks_signatures=False)


@contextlib.contextmanager
def _served(command: Callable[[int], list[str]], folder: Path, scheme: str) -> Iterator[S3Server]:
    environment = {**os.environ, "ROOT_ACCESS_KEY": ACCESS, "ROOT_SECRET_KEY": SECRET}
    port, log = free_port(), folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command(port), stdout=output, stderr=output, env=environment)

    def ready() -> bool:
        assert process.poll() is None, f"the server ended: {log.read_text(errors='replace')[-2000:]}"
        return answers("127.0.0.1", port)

    try:
        until("the S3 server", ready)
        yield S3Server(f"{scheme}://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait()
