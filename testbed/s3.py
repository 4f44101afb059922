"""An S3 server of a cluster, which pods of a real node reach too."""

import secrets

from testbed.control_plane import ControlPlane
from testbed.programs import find_program
from testbed.s3_servers import REGION, S3Server
from testbed.waiting import answers, free_port


def start_s3(plane: ControlPlane) -> S3Server:
    """Start versitygw over a folder of the cluster, at the API server's address."""
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
    return S3Server(f"http://{address}:{port}", access, secret)
