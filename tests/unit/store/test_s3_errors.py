"""What an answer of an S3 server means, as a table."""

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    IncompleteReadError,
    NoCredentialsError,
    ReadTimeoutError,
    SSLError,
)

from ner_jobs.store.s3_errors import explained, is_transient
from ner_jobs.task import ExitCode

ENDPOINT = "http://store:9000"
WHERE = "s3://bucket/a/b"


def answer(status: int, code: str, message: str = "", **headers: str) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers},
        },
        "PutObject",
    )


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        pytest.param(answer(503, "SlowDown"), True, id="the server asks for patience"),
        pytest.param(answer(500, "InternalError"), True, id="the server stumbled"),
        pytest.param(answer(502, "502"), True, id="a proxy in between has no server"),
        pytest.param(answer(409, "ConditionalRequestConflict"), True, id="two conditional writes met"),
        pytest.param(answer(400, "RequestTimeout"), True, id="our body came too slowly"),
        pytest.param(answer(400, "XAmzContentSHA256Mismatch"), True, id="bytes were damaged on their way"),
        pytest.param(answer(501, "NotImplemented"), False, id="it will never know that header"),
        pytest.param(answer(412, "PreconditionFailed"), False, id="a condition that failed is an answer"),
        pytest.param(answer(403, "AccessDenied"), False, id="no right"),
        pytest.param(answer(404, "NoSuchKey"), False, id="nothing there"),
        pytest.param(EndpointConnectionError(endpoint_url=ENDPOINT), True, id="nothing answers"),
        pytest.param(ConnectTimeoutError(endpoint_url=ENDPOINT), True, id="no connection in time"),
        pytest.param(ReadTimeoutError(endpoint_url=ENDPOINT), True, id="no answer in time"),
        pytest.param(IncompleteReadError(actual_bytes=1, expected_bytes=2), True, id="half an answer"),
        pytest.param(SSLError(endpoint_url=ENDPOINT, error="x"), False, id="a certificate stays wrong"),
        pytest.param(NoCredentialsError(), False, id="credentials do not come by waiting"),
    ],
)
def test_what_may_succeed_in_a_moment(error: Exception, transient: bool) -> None:
    assert is_transient(error) is transient


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        pytest.param(
            answer(404, "NoSuchBucket"),
            75,
            "there is no bucket 'bucket' at http://store:9000; create it",
            id="no bucket",
        ),
        pytest.param(
            answer(403, "SignatureDoesNotMatch"), 75, "does not know these credentials", id="wrong secret"
        ),
        pytest.param(
            answer(403, "InvalidAccessKeyId"), 75, "does not know these credentials", id="unknown key"
        ),
        pytest.param(
            answer(403, "ExpiredToken", "it expired"), 75, "ExpiredToken: it expired", id="expired token"
        ),
        pytest.param(
            answer(403, "AccessDenied"), 75, "the credentials need s3:GetObject", id="no right to it"
        ),
        pytest.param(answer(403, "403"), 75, "access to s3://bucket/a/b", id="a HEAD's refusal has no words"),
        pytest.param(
            answer(301, "PermanentRedirect", **{"x-amz-bucket-region": "eu-west-1"}),
            78,
            "set spec.storage.region to eu-west-1",
            id="another region",
        ),
        pytest.param(
            answer(400, "AuthorizationHeaderMalformed"), 78, "set spec.storage.region", id="region unsaid"
        ),
        pytest.param(
            answer(403, "RequestTimeTooSkewed"), 75, "this machine's clock", id="a clock that is wrong"
        ),
        pytest.param(
            answer(409, "ObjectParentIsFile"), 73, "both an object and a folder", id="a key and a prefix"
        ),
        pytest.param(
            answer(507, "XMinioStorageFull"), 73, "has no space left", id="the server's disk is full"
        ),
        pytest.param(answer(503, "SlowDown"), 75, "kept answering 503 SlowDown", id="never recovered"),
        pytest.param(
            answer(501, "NotImplemented", "A header"), 78, "refuses s3://bucket/a/b: 501", id="unknown header"
        ),
        pytest.param(NoCredentialsError(), 75, "set AWS_ACCESS_KEY_ID", id="no credentials"),
        pytest.param(
            EndpointConnectionError(endpoint_url=ENDPOINT), 75, "nothing answers at", id="no server"
        ),
        pytest.param(ReadTimeoutError(endpoint_url=ENDPOINT), 75, "broke off or was too slow", id="slow"),
        pytest.param(
            SSLError(endpoint_url=ENDPOINT, error="self-signed"), 78, "spec.storage.caBundle", id="private CA"
        ),
    ],
)
def test_a_refusal_says_what_to_do(error: Exception, code: int, words: str) -> None:
    meaning = explained(error, WHERE, ENDPOINT)
    assert meaning.code == ExitCode(code)
    assert words in str(meaning)
