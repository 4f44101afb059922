"""`spec.storage`: where artifacts, logs and the pointer to the promoted model live."""

from typing import ClassVar, Literal

from pydantic import Field

from ner_operator.api.base import ApiModel
from ner_operator.api.strings import HTTP_URL, ObjectName, Uri
from ner_operator.api.v1alpha1 import rules


class ServerSideEncryption(ApiModel):
    """How an S3 server encrypts what it stores."""

    algorithm: Literal["AES256", "aws:kms"]
    """AES256 (the server's own key) or aws:kms."""
    kms_key_id: str | None = Field(default=None, min_length=1, max_length=2048)
    """The key, with aws:kms. Absent: the account's default key."""

    rules: ClassVar = rules.SERVER_SIDE_ENCRYPTION


class Storage(ApiModel):
    """A bucket with a prefix, or a folder. Credentials are never in the spec."""

    uri: Uri
    """s3://bucket/prefix, file:///folder, or a path relative to the spec's file (a local run only)."""
    endpoint_url: str | None = Field(default=None, min_length=1, max_length=1024, pattern=HTTP_URL)
    """Of an S3-compatible server, such as http://minio.storage:9000. Absent: AWS."""
    region: str | None = Field(default=None, min_length=1, max_length=63)
    """Of the bucket. Absent: as the environment says."""
    path_style: bool = True
    """Addresses http://server/bucket/key; false: http://bucket.server/key."""
    ca_bundle: str | None = Field(default=None, min_length=1, max_length=1024)
    """Path of a PEM file, for a server whose certificate a private CA signed."""
    server_side_encryption: ServerSideEncryption | None = None
    """Asks the S3 server to encrypt. Absent: as the bucket is set."""
    credentials_secret: ObjectName | None = None
    """The Secret in this namespace that holds AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. A local run
    takes them from the environment instead."""

    rules: ClassVar = rules.STORAGE
