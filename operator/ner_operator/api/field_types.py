"""Types of fields that several models share, with their patterns and bounds.

Every string has a maxLength: the API server estimates the cost of CEL rules,
and refuses a CRD with unbounded strings.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
DNS_SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"

RESOURCE_NAME = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
SHA256 = r"^[0-9a-f]{64}$"
HTTP_URL = r"^https?://"
QUANTITY = r"^[0-9]+(\.[0-9]+)?([eE][0-9]+|[EPTGMK]i|[mkMGTPE])?$"

PATTERN_DESCRIPTIONS: Mapping[str, str] = {
    DNS_LABEL: "lower-case letters, digits and dashes, such as va-int8",
    DNS_SUBDOMAIN: "lower-case letters, digits, dashes and dots, such as peoples-daily",
    RESOURCE_NAME: "a domain and a name, such as vastaitech.com/va",
    SHA256: "64 hexadecimal digits in lower case, as sha256sum prints them",
    HTTP_URL: "an address with its scheme, such as http://minio.storage:9000",
    QUANTITY: "a quantity, such as 500m, 4 or 16Gi",
}
"""What each pattern allows, for messages."""

Name = Annotated[str, Field(min_length=1, max_length=63, pattern=DNS_LABEL)]
"""A name inside one object: lower-case letters, digits and dashes."""

ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=DNS_SUBDOMAIN)]
"""The name of another Kubernetes object."""

Uri = Annotated[str, Field(min_length=1, max_length=1024)]
"""`s3://bucket/key`, `file:///path`, or a path relative to the spec's file."""

Sha256 = Annotated[str, Field(min_length=64, max_length=64, pattern=SHA256)]

Label = Annotated[str, Field(min_length=1, max_length=128)]
"""One tag of the label list (`O`, `B-PER`), or one entity type."""

Token = Annotated[str, Field(min_length=1, max_length=63)]
"""Any text; a new token requests a new result."""
