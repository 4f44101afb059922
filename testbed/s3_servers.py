"""S3 servers as processes, for as long as a block runs: versitygw where it is found, and moto's.

`testbed.s3` starts one that the pods of a cluster reach; these are for what
runs on this machine alone. Each test takes a bucket of its own.
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
"""What a process needs to be let in, and to look for no other credentials of this machine."""


@dataclass(frozen=True)
class S3Server:
    """A running S3 server.

    Attributes:
        checks_signatures: whether it refuses who does not know the secret.
    """

    endpoint: str
    checks_signatures: bool = True

    @functools.cached_property
    def client(self) -> Any:
        """boto3's, for what a test does beside the store."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=ACCESS,
            aws_secret_access_key=SECRET,
            config=Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required"),
        )

    def new_bucket(self) -> str:
        """The name of a bucket that was just made."""
        bucket = f"test-{secrets.token_hex(8)}"
        self.client.create_bucket(Bucket=bucket)
        return bucket


@contextlib.contextmanager
def versitygw(folder: Path, options: Sequence[str] = (), scheme: str = "http") -> Iterator[S3Server]:
    """Run versitygw over a folder, with more options of its own before it.

    Raises:
        ProgramMissingError: it is nowhere on this machine.
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
    """Run moto's server, which is there wherever the tests are installed."""

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
