"""`spec.storage`: the store of artifacts, logs and the pointer to the promoted model."""

from typing import ClassVar, Literal

from pydantic import Field

from ner_operator.api.base import ApiModel
from ner_operator.api.field_types import HTTP_URL, ObjectName, Uri
from ner_operator.api.v1alpha1 import rules


class ServerSideEncryption(ApiModel):
    """Encryption by the S3 server."""

    algorithm: Literal["AES256", "aws:kms"]
    """AES256 (a key of the server) or aws:kms."""
    kms_key_id: str | None = Field(default=None, min_length=1, max_length=2048)
    """Key ID for aws:kms. Absent: the account's default key."""

    rules: ClassVar = rules.SERVER_SIDE_ENCRYPTION


class Storage(ApiModel):
    """A bucket with a prefix, or a folder. The spec never contains credentials."""

    uri: Uri
    """Location: s3://bucket/prefix, file:///folder, or a path relative to the spec's file (local runs)."""
    endpoint_url: str | None = Field(default=None, min_length=1, max_length=1024, pattern=HTTP_URL)
    """URL of an S3-compatible server, such as http://minio.storage:9000. Absent: AWS."""
    region: str | None = Field(default=None, min_length=1, max_length=63)
    """Region of the bucket. Absent: the region in the environment."""
    path_style: bool = True
    """True uses URLs http://server/bucket/key, false http://bucket.server/key."""
    ca_bundle: str | None = Field(default=None, min_length=1, max_length=1024)
    """Path of a PEM file with the private CA of the server."""
    server_side_encryption: ServerSideEncryption | None = None
    """Encryption that each upload requests. Absent: the bucket's default."""
    credentials_secret: ObjectName | None = None
    """Secret in this namespace with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. A local run takes them from
    the environment instead."""

    rules: ClassVar = rules.STORAGE
