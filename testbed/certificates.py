"""Keys and certificates of a cluster, made with openssl: one authority, and one certificate for each user.

Kubernetes reads a user's name from the certificate's common name, and the
groups from its organizations.
"""

import base64
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml

DAYS = "365"
CURVE = ("-pkeyopt", "ec_paramgen_curve:prime256v1")
"""An elliptic key is made at once; an RSA key takes 0.1 s."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its key."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs the certificates of one cluster, and keeps them in its folder."""

    folder: Path

    @property
    def certificate(self) -> Path:
        """The certificate that clients trust."""
        return self.folder / "ca.crt"

    @property
    def key(self) -> Path:
        """The key that signs."""
        return self.folder / "ca.key"

    @classmethod
    def create(cls, folder: Path) -> "Authority":
        """Create an authority."""
        folder.mkdir(parents=True, mode=0o700)
        authority = cls(folder)
        _openssl(
            "req", "-x509", "-newkey", "ec", *CURVE, "-nodes", "-days", DAYS, "-subj", "/CN=testbed",
            "-keyout", str(authority.key), "-out", str(authority.certificate),
        )  # fmt: skip
        return authority

    def server(self, name: str, *addresses: str) -> Certificate:
        """A certificate for a server; an address is `DNS:localhost` or `IP:127.0.0.1`."""
        return self._sign(name, f"/CN={name}", "serverAuth", f"subjectAltName={','.join(addresses)}")

    def user(self, name: str, *groups: str) -> Certificate:
        """A certificate of a user with these groups."""
        subject = "".join(f"/O={group}" for group in groups) + f"/CN={name}"
        return self._sign(name.replace(":", "-"), subject, "clientAuth")

    def signing_key(self, name: str) -> Certificate:
        """A key pair for tokens; `certificate` is the public key."""
        pair = Certificate(self.folder / f"{name}.pub", self.folder / f"{name}.key")
        _openssl("genpkey", "-algorithm", "ec", *CURVE, "-out", str(pair.key))
        _openssl("pkey", "-in", str(pair.key), "-pubout", "-out", str(pair.certificate))
        return pair

    def _sign(self, file: str, subject: str, usage: str, *extensions: str) -> Certificate:
        made = Certificate(self.folder / f"{file}.crt", self.folder / f"{file}.key")
        every = (f"extendedKeyUsage={usage}", "keyUsage=digitalSignature", *extensions)
        _openssl(
            "req", "-x509", "-newkey", "ec", *CURVE, "-nodes", "-days", DAYS, "-subj", subject,
            "-CA", str(self.certificate), "-CAkey", str(self.key),
            *(argument for extension in every for argument in ("-addext", extension)),
            "-addext", "basicConstraints=critical,CA:FALSE",
            "-keyout", str(made.key), "-out", str(made.certificate),
        )  # fmt: skip
        return made


def kubeconfig(server: str, authority: bytes, user: dict[str, str], namespace: str = "default") -> str:
    """A kubeconfig that contains its certificates, so that the file may be moved."""
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "testbed",
                    "cluster": {"server": server, "certificate-authority-data": _text(authority)},
                }
            ],
            "users": [{"name": "user", "user": user}],
            "contexts": [
                {"name": "testbed", "context": {"cluster": "testbed", "user": "user", "namespace": namespace}}
            ],
            "current-context": "testbed",
        },
        sort_keys=False,
    )


def by_certificate(certificate: Certificate) -> dict[str, str]:
    """The user entry of a kubeconfig, with a certificate."""
    return {
        "client-certificate-data": _text(certificate.certificate.read_bytes()),
        "client-key-data": _text(certificate.key.read_bytes()),
    }


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"openssl {arguments[0]}: {done.stderr}")
