"""From storage settings to a client of botocore: endpoint, region, path style, authority, encryption."""

import functools
from typing import Any

import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from ner_jobs.task import ExitCode, PermanentError, StorageSettings

CONNECT_SECONDS = 10
READ_SECONDS = 60

DEFAULT_REGION = "us-east-1"
"""If no region is set; servers other than AWS accept any."""


def encryption_of(settings: StorageSettings) -> dict[str, str]:
    """Arguments for requests that write."""
    wanted: dict[str, str] = {}
    if settings.server_side_encryption:
        wanted["ServerSideEncryption"] = settings.server_side_encryption
    if settings.kms_key_id:
        wanted["SSEKMSKeyId"] = settings.kms_key_id
    return wanted


@functools.cache
def _service_models() -> Any:
    """Descriptions of AWS's services: megabytes of JSON, read once a process."""
    return botocore.loaders.create_loader(botocore.session.get_session().get_config_variable("data_path"))


def client_of(settings: StorageSettings, parallel: int) -> Any:
    """A client without retries; ours are in `retrying`.

    Args:
        settings: of the storage; credentials come from the environment, a profile, or the machine's identity.
        parallel: transfers at once.

    Raises:
        PermanentError: a setting is wrong, such as the CA bundle or the endpoint.
    """
    if settings.ca_bundle and not settings.ca_bundle.is_file():
        raise PermanentError(
            f"spec.storage.caBundle: there is no file {settings.ca_bundle}", ExitCode.CONFIGURATION
        )
    try:
        core = botocore.session.get_session()
        core.register_component("data_loader", _service_models())
        session = boto3.session.Session(botocore_session=core)
        return session.client(
            "s3",
            endpoint_url=settings.endpoint_url,
            region_name=settings.region or session.region_name or DEFAULT_REGION,
            verify=str(settings.ca_bundle) if settings.ca_bundle else None,
            config=Config(
                # Retries are ours (`retrying`).
                retries={"total_max_attempts": 1},
                signature_version="s3v4",
                s3={"addressing_style": "path" if settings.path_style else "virtual"},
                # boto3's default CRC32 is refused by some servers.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                max_pool_connections=parallel + 8,
                tcp_keepalive=True,
            ),
        )
    except (BotoCoreError, ValueError) as error:
        endpoint = settings.endpoint_url or "AWS"
        raise PermanentError(f"{settings.uri} at {endpoint}: {error}", ExitCode.CONFIGURATION) from error
