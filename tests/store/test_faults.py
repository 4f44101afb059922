"""A store that fails: now and then, in the middle, after the fact, or for good."""

import datetime
import ipaddress
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ner_jobs.store.artifacts import remove_leftovers
from ner_jobs.store.retrying import Retries
from ner_jobs.store.s3 import S3Store
from ner_jobs.task import ExitCode, PermanentError, RetryableError, StageError, StorageSettings
from testbed import s3_servers

PART = 5 << 20

Opened = Callable[..., S3Store]


@pytest.fixture
def proxied(any_server: Any, proxy: Any, s3: Opened) -> S3Store:
    """A store behind the proxy."""
    return s3(proxy.endpoint, any_server.new_bucket())


def test_503_a_few_times_is_only_a_delay(proxied: S3Store, proxy: Any, fault: Any, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(2 * PART + 1))
    proxy.faults += [
        fault("refuse", "POST", times=3),
        fault("refuse", "PUT", times=3),
        fault("refuse", "GET", times=3),
        fault("refuse", "HEAD", times=3),
    ]
    found = proxied.upload(source, "x")
    proxied.download("x", tmp_path / "target", *found)
    assert (tmp_path / "target").read_bytes() == source.read_bytes()
    assert all(each.times == 0 for each in proxy.faults)


def test_an_answer_that_breaks_off_is_asked_for_again(
    proxied: S3Store, proxy: Any, fault: Any, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(2 * PART + 1))
    found = proxied.upload(source, "x")
    proxy.faults.append(fault("cut", "GET", times=2))
    proxied.download("x", tmp_path / "target", *found)
    assert (tmp_path / "target").read_bytes() == source.read_bytes()


def test_a_create_whose_answer_was_lost_is_known_as_our_own(proxied: S3Store, proxy: Any, fault: Any) -> None:
    proxy.faults.append(fault("lose", "PUT", "ours"))
    assert proxied.create("ours", b"attempt 1")
    assert proxy.count("PUT", "ours") == 2
    assert not proxied.create("ours", b"attempt 2")


def test_a_create_that_lost_its_answer_and_the_race_has_lost(
    proxied: S3Store, proxy: Any, fault: Any
) -> None:
    proxied.put("ours", b"the other's")
    proxy.faults.append(fault("lose", "PUT", "ours"))
    assert not proxied.create("ours", b"attempt 1")


def test_a_replace_whose_answer_was_lost_is_known_as_our_own(
    proxied: S3Store, proxy: Any, fault: Any
) -> None:
    proxied.put("pointer", b"1")
    _, version = proxied.get("pointer") or (b"", "")
    proxy.faults.append(fault("lose", "PUT", "pointer"))
    assert proxied.replace("pointer", b"2", version)
    assert not proxied.replace("pointer", b"3", version)


def test_a_completed_upload_whose_answer_was_lost_is_there(
    proxied: S3Store, proxy: Any, fault: Any, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(2 * PART))
    proxy.faults.append(fault("lose", "POST", "uploadId"))
    found = proxied.upload(source, "x")
    assert proxied.fingerprint("x") == found


def test_a_store_that_never_recovers_ends_with_a_sentence(any_server: Any, proxy: Any, fault: Any) -> None:
    clock = iter(range(0, 10_000, 30))
    retries = Retries(sleep=lambda seconds: None, clock=lambda: float(next(clock)))
    settings = StorageSettings(uri=f"s3://{any_server.new_bucket()}/x", endpoint_url=proxy.endpoint)
    proxy.faults.append(fault("refuse", "PUT", times=-1))
    with pytest.raises(RetryableError, match=r"kept answering 503 SlowDown: later for s3://.*/x/key"):
        S3Store(settings, retries).put("key", b"")


def test_an_upload_that_fails_leaves_no_parts(
    any_server: Any, proxied: S3Store, proxy: Any, fault: Any, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(2 * PART))
    bucket = proxied.uri.split("/")[2]
    moved: list[int] = []

    def fail_after_one(count: int) -> None:
        moved.append(count)
        raise PermanentError("the stage was stopped")

    with pytest.raises(PermanentError, match="was stopped"):
        proxied.upload(source, "x", fail_after_one)
    assert not any_server.client.list_multipart_uploads(Bucket=bucket).get("Uploads")


def test_parts_of_a_killed_upload_are_forgotten(any_server: Any, proxied: S3Store) -> None:
    bucket = proxied.uri.split("/")[2]
    client = any_server.client
    for key in ("a prefix/of+ours/infer/1/x", "a prefix/of+ours/other/1/x"):
        client.create_multipart_upload(Bucket=bucket, Key=key)
    proxied.forget_unfinished("infer/")
    left = [each["Key"] for each in client.list_multipart_uploads(Bucket=bucket)["Uploads"]]
    assert left == ["a prefix/of+ours/other/1/x"]


DOCUMENTED_RIGHTS = {
    "list": ("GET", "?uploads"),
    "abort": ("DELETE", "uploadId="),
}
"""Requests that AWS denies to credentials with the required rights alone."""


@pytest.mark.parametrize("denied", ["list", "abort"])
def test_without_the_optional_rights_objects_are_deleted_all_the_same(
    any_server: Any, proxy: Any, fault: Any, denied: str
) -> None:
    lines: list[str] = []
    bucket = any_server.new_bucket()
    settings = StorageSettings(uri=f"s3://{bucket}/x", endpoint_url=proxy.endpoint)
    store = S3Store(settings, log=lines.append)
    any_server.client.create_multipart_upload(Bucket=bucket, Key="x/export/1/large")
    method, word = DOCUMENTED_RIGHTS[denied]
    proxy.faults.append(fault("deny", method, word, times=-1))
    store.probe()
    for key in ("export/1/a", "export/1/b", "export/2/c"):
        store.put(key, b"x")
    assert remove_leftovers(store, "export/1/", keep=("export/1/a",)) == 1
    assert remove_leftovers(store, "export/2/") == 1
    assert [found.key for found in store.list("")] == ["export/1/a"]
    (line,) = lines
    assert "s3:ListBucketMultipartUploads and s3:AbortMultipartUpload are missing" in line
    assert proxy.count(method, word) == 1, "it is not asked for again"


def test_a_store_that_does_not_answer_is_no_missing_right(any_server: Any, proxy: Any, fault: Any) -> None:
    lines: list[str] = []
    settings = StorageSettings(uri=f"s3://{any_server.new_bucket()}/x", endpoint_url=proxy.endpoint)
    store = S3Store(settings, Retries(deadline=0), log=lines.append)
    proxy.faults.append(fault("refuse", "GET", "?uploads"))
    with pytest.raises(RetryableError, match="kept answering 503"):
        store.forget_unfinished("export/")
    store.forget_unfinished("export/")
    assert lines == []


@pytest.mark.parametrize(
    ("header", "named"), [("if-none-match", "ignores If-None-Match"), ("if-match", "ignores If-Match")]
)
def test_a_store_that_ignores_a_condition_is_refused_by_name(
    proxied: S3Store, proxy: Any, fault: Any, header: str, named: str
) -> None:
    proxy.faults.append(fault("strip", "PUT", times=-1, header=header))
    with pytest.raises(PermanentError, match=named) as refused:
        proxied.probe()
    assert proxy.endpoint in str(refused.value)
    assert refused.value.code == ExitCode.CONFIGURATION


def test_a_missing_bucket_is_named(any_server: Any, s3: Opened) -> None:
    with pytest.raises(RetryableError, match=r"there is no bucket 'nobody-made-it' at http://.*create it"):
        s3(any_server.endpoint, "nobody-made-it").probe()


def test_wrong_credentials_are_named(versitygw: Any, s3: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = versitygw.new_bucket()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(RetryableError, match="does not know these credentials"):
        s3(versitygw.endpoint, bucket).probe()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    with pytest.raises(RetryableError, match="does not know these credentials"):
        s3(versitygw.endpoint, bucket).probe()


def test_without_credentials_it_says_which_variables(
    any_server: Any, s3: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(RetryableError, match="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        s3(any_server.endpoint, "any").probe()


def test_where_nothing_answers_the_endpoint_is_named(s3: Opened) -> None:
    store = S3Store(
        StorageSettings(uri="s3://bucket/x", endpoint_url="http://127.0.0.1:1"), Retries(deadline=0)
    )
    with pytest.raises(RetryableError, match=r"nothing answers at http://127\.0\.0\.1:1 .*endpointUrl"):
        store.probe()


def test_an_object_that_is_also_a_folder_says_so(versitygw: Any, s3: Opened) -> None:
    store = s3(versitygw.endpoint, versitygw.new_bucket())
    store.put("a", b"")
    with pytest.raises(PermanentError, match="cannot be both an object and a folder of objects"):
        store.put("a/b", b"")


def test_server_side_encryption_is_asked_for(moto: Any, s3: Opened, tmp_path: Path) -> None:
    bucket = moto.new_bucket()
    store = s3(moto.endpoint, bucket, server_side_encryption="aws:kms", kms_key_id="key-1")
    (tmp_path / "large").write_bytes(os.urandom(PART + 1))
    store.upload(tmp_path / "large", "large")
    store.create("small", b"x")
    for key in ("large", "small"):
        head = moto.client.head_object(Bucket=bucket, Key=f"a prefix/of+ours/{key}")
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "key-1")


def test_a_ca_bundle_that_is_not_there_is_named(s3: Opened, tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="caBundle: there is no file"):
        s3("https://127.0.0.1:1", "bucket", ca_bundle=tmp_path / "ca.pem")


def test_a_private_authority_is_trusted_where_it_is_named(
    programs: Callable[..., None], s3: Opened, tmp_path: Path
) -> None:
    programs("versitygw")
    certificate, key = self_signed(tmp_path)
    tls = ["--cert", str(certificate), "--key", str(key)]
    with s3_servers.versitygw(tmp_path / "served", tls, "https") as server:
        (tmp_path / "served" / "data" / "bucket").mkdir()
        with pytest.raises(PermanentError, match=r"certificate of https://.* is not trusted.*caBundle"):
            s3(server.endpoint, "bucket").probe()
        s3(server.endpoint, "bucket", ca_bundle=certificate).probe()


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that is its own authority, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return paths


def test_transfers_that_fail_block_no_other(proxied: S3Store, proxy: Any, fault: Any, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(2 * PART))
    found = proxied.upload(source, "x")
    stopped = threading.Event()

    def stop(_: int) -> None:
        stopped.set()
        raise StageError("enough", ExitCode.TERMINATED)

    for number in range(10):
        with pytest.raises(StageError, match="enough"):
            proxied.download("x", tmp_path / f"target-{number}", *found, stop)
    proxied.download("x", tmp_path / "target", *found)
