"""Errors of S3 servers: which to retry, and messages for people.

Servers use different codes and statuses for the same error, and HEAD has no
code, so both are checked. Pure.
"""

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    ResponseStreamingError,
    SSLError,
)

from ner_jobs.task import ExitCode, PermanentError, RetryableError, StageError

NOTHING_THERE = frozenset({"404", "NoSuchKey", "NotFound", "NoSuchUpload"})

CONDITION_FAILED = frozenset({"412", "PreconditionFailed"})

_TRANSIENT_STATUS = frozenset({429, 500, 502, 503, 504, 509})

_TRANSIENT_CODES = frozenset(
    {
        "InternalError",
        "ServiceUnavailable",
        "SlowDown",
        "RequestTimeout",
        "RequestTimeoutException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
        "BadDigest",
        "XAmzContentSHA256Mismatch",
        "IncompleteBody",
        "OperationAborted",
        # AWS, for two conditional writes of one key at once; to be retried.
        "ConditionalRequestConflict",
    }
)

_WRONG_CREDENTIALS = frozenset(
    {
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "ExpiredToken",
        "InvalidToken",
        "TokenRefreshRequired",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "AuthFailure",
        "XAdminUserNotFound",
    }
)

_WRONG_REGION = frozenset(
    {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)

_BROKEN_OFF = (ConnectionError, HTTPClientError, IncompleteReadError, ResponseStreamingError)

_PREFIX_AND_KEY = frozenset(
    {"ObjectParentIsFile", "ExistingObjectIsDirectory", "DirectoryObjectContainsData"}
)


_DENIED = frozenset({"AccessDenied", "Forbidden", "AllAccessDisabled"})

CANNOT_ABORT = (
    "unfinished uploads of killed processes stay in {uri} ({code}): the optional rights "
    "s3:ListBucketMultipartUploads and s3:AbortMultipartUpload are missing; grant them, or give the bucket a "
    "lifecycle rule that aborts incomplete multipart uploads"
)


def code_of(error: BaseException | None) -> str:
    """The server's error code; for HEAD the status; empty if no server answered."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def status_of(error: Exception) -> int:
    """The HTTP status; 0 if no server answered."""
    if not isinstance(error, ClientError):
        return 0
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def is_unavailable(error: BaseException | None) -> bool:
    """Whether an operation is denied to these credentials, or the server does not have it."""
    if not isinstance(error, ClientError):
        return False
    return _is_denied(error) or status_of(error) in (405, 501) or code_of(error) == "NotImplemented"


def is_transient(error: Exception) -> bool:
    """Whether the same request may succeed later."""
    if isinstance(error, ClientError):
        if code_of(error) == "NotImplemented":
            return False
        return code_of(error) in _TRANSIENT_CODES or status_of(error) in _TRANSIENT_STATUS
    if isinstance(error, SSLError):
        return False
    return isinstance(error, _BROKEN_OFF)


def explained(error: Exception, where: str, endpoint: str) -> StageError:
    """The stage error: what went wrong, where, and what to do.

    Args:
        error: of botocore.
        where: URI of the object or the bucket.
        endpoint: URL of the server.

    Returns:
        RetryableError if the store, its rights or its Secret can be repaired without a change of the
        spec; PermanentError if the spec has to change.
    """
    if isinstance(error, ClientError):
        return _explained_answer(error, where, endpoint)
    if isinstance(error, NoCredentialsError | PartialCredentialsError | CredentialRetrievalError):
        return RetryableError(
            f"no credentials for {where} ({error}); set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "AWS_PROFILE, or spec.storage.credentialsSecret in a cluster"
        )
    if isinstance(error, ProfileNotFound):
        return PermanentError(f"{error}; correct AWS_PROFILE", ExitCode.CONFIGURATION)
    if isinstance(error, SSLError):
        return PermanentError(
            f"the certificate of {endpoint} is not trusted ({error}); name the authority that signed it "
            "in spec.storage.caBundle",
            ExitCode.CONFIGURATION,
        )
    if isinstance(error, ParamValidationError):
        return PermanentError(f"{where}: {error}", ExitCode.USAGE)
    if isinstance(error, EndpointConnectionError):
        return RetryableError(
            f"nothing answers at {endpoint} (for {where}); start the store, or correct "
            "spec.storage.endpointUrl"
        )
    if isinstance(error, _BROKEN_OFF):
        return RetryableError(f"{endpoint} broke off or was too slow (for {where}): {error}")
    if isinstance(error, BotoCoreError):
        return PermanentError(f"{where} at {endpoint}: {error}", ExitCode.CONFIGURATION)
    return RetryableError(f"{where} at {endpoint}: {type(error).__name__}: {error}")


def _is_denied(error: ClientError) -> bool:
    return status_of(error) == 403 or code_of(error) in _DENIED


def _explained_answer(error: ClientError, where: str, endpoint: str) -> StageError:
    code, status = code_of(error), status_of(error)
    message = str(error.response.get("Error", {}).get("Message", "")).strip()
    said = f"{code}: {message}" if message and message != code else code or str(status)
    if code == "NoSuchBucket":
        bucket = where.removeprefix("s3://").partition("/")[0]
        return RetryableError(
            f"there is no bucket {bucket!r} at {endpoint}; create it, or correct spec.storage.uri"
        )
    if code in _WRONG_CREDENTIALS:
        return RetryableError(
            f"{endpoint} does not know these credentials ({said}); correct AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or the Secret of spec.storage.credentialsSecret"
        )
    if code == "RequestTimeTooSkewed":
        return RetryableError(f"this machine's clock is not that of {endpoint} ({said}); set the clock")
    if code in _WRONG_REGION or status == 301:
        region = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region")
        return PermanentError(
            f"{where} is in another region ({said}); set spec.storage.region"
            + (f" to {region}" if region else ""),
            ExitCode.CONFIGURATION,
        )
    if code in _PREFIX_AND_KEY:
        return PermanentError(
            f"{where} cannot be both an object and a folder of objects at {endpoint} ({said}); "
            "remove what is in the way, or choose another spec.storage.uri",
            ExitCode.CANNOT_CREATE,
        )
    if _is_denied(error):
        return RetryableError(
            f"access to {where} at {endpoint} is denied ({said}); the credentials need s3:GetObject, "
            "s3:PutObject, s3:DeleteObject and s3:ListBucket there"
        )
    if status == 507 or code in ("XMinioStorageFull", "EntityTooLarge", "QuotaExceeded"):
        return PermanentError(
            f"{endpoint} has no space left for {where} ({said}); free some, or raise the bucket's quota",
            ExitCode.CANNOT_CREATE,
        )
    if is_transient(error):
        return RetryableError(f"{endpoint} kept answering {status} {said} for {where}; see the store's log")
    return PermanentError(f"{endpoint} refuses {where}: {status} {said}", ExitCode.CONFIGURATION)
