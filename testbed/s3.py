"""An S3 server on this machine, where pods of a real node reach it too."""

import secrets
from dataclasses import dataclass
from typing import Any

from testbed.control_plane import ControlPlane
from testbed.programs import find_program
from testbed.waiting import answers, free_port

REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class S3:
    """A server that runs.

    Attributes:
        endpoint: its URL, as this machine and the pods write it.
        access_key, secret_key: of its only user.
    """

    endpoint: str
    access_key: str
    secret_key: str

    @property
    def environment(self) -> dict[str, str]:
        """The credentials under AWS' own names: for a process, or as the data of a Secret."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": REGION,
        }

    def client(self) -> Any:
        """boto3's, for what a test puts in place and looks up."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
        )


def start_s3(plane: ControlPlane) -> S3:
    """Start a server over a folder of the cluster's, at the API server's address."""
    address = plane.place.address
    port = free_port(address)
    access, secret = "testbed", secrets.token_hex(16)
    data = plane.folder / "s3"
    data.mkdir()
    server = plane.run(
        "s3",
        str(find_program("versitygw")),
        f"--region={REGION}",
        f"--port={address}:{port}",
        "posix",
        str(data),
        ROOT_ACCESS_KEY_ID=access,
        ROOT_SECRET_ACCESS_KEY=secret,
    )
    server.serves("the S3 server", lambda: answers(address, port))
    return S3(f"http://{address}:{port}", access, secret)
