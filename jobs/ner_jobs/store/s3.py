"""A store in S3, or in a compatible server that obeys conditional writes.

Large objects are transferred in parallel parts and hashed in order meanwhile,
so that nothing is read twice. Each uploaded part is signed with its SHA-256,
which the server checks. A download goes to a temporary file and is moved to
its target if size and SHA-256 are those of the manifest.
"""

import contextlib
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from io import BufferedReader
from pathlib import Path
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from ner_jobs.store import s3_errors
from ner_jobs.store.hashing import check_bytes
from ner_jobs.store.local_errors import reading, writing
from ner_jobs.store.parts import Parallel, Transfers, part_size, ranges
from ner_jobs.store.probing import probe_conditions
from ner_jobs.store.protocol import StoredObject, Transferred
from ner_jobs.store.retrying import Retries
from ner_jobs.store.s3_client import client_of, encryption_of
from ner_jobs.task import ExitCode, PermanentError, RetryableError, StageError, StorageSettings

Result = TypeVar("Result")
Request = Mapping[str, object]
"""Arguments of an operation of S3, without the bucket."""

Parts = list[dict[str, object]]
"""As CompleteMultipartUpload wants them. (In the class below, `list` is a method.)"""

PROBE_DEADLINE = 20.0
"""Seconds for retries of the first request: a wrong endpoint should be reported soon."""


class S3Store:
    """Objects below an `s3://bucket/prefix`. Credentials are AWS's own: environment, profile, identity.

    Args:
        settings: URI, endpoint, region, path style, CA bundle, encryption.
        retries: of each request.
        transfers: size of parts, and how many at once.
        log: takes a line about an optional right that is missing.
    """

    def __init__(
        self,
        settings: StorageSettings,
        retries: Retries | None = None,
        transfers: Transfers | None = None,
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.uri = settings.uri.rstrip("/")
        # Not urlsplit: a key may hold `?` and `#`.
        self._bucket, _, prefix = self.uri.removeprefix("s3://").partition("/")
        self._prefix = prefix.strip("/")
        self._retries = retries or Retries()
        self._transfers = transfers or Transfers()
        self._parallel = Parallel(self._transfers.parallel)
        self._encryption = encryption_of(settings)
        self._client: Any = client_of(settings, self._transfers.parallel)
        self._endpoint: str = self._client.meta.endpoint_url
        self._log = log
        self._may_abort = True

    def probe(self) -> None:
        """Check that the bucket answers, can be written, and obeys conditional writes.

        If the optional right to list unfinished uploads is missing, this is logged.
        """
        hurried = replace(self._retries, deadline=min(PROBE_DEADLINE, self._retries.deadline))
        # A listing, because an error of HEAD has no message.
        self._call("", "list_objects_v2", {"Prefix": self._full(""), "MaxKeys": 1}, hurried)
        with self._aborting():
            self._call("", "list_multipart_uploads", {"Prefix": self._full(""), "MaxUploads": 1}, hurried)
        probe_conditions(self, f"the store at {self._endpoint} ({self.uri})")

    def get(self, key: str) -> tuple[bytes, str] | None:
        """The small object and its ETag, or None."""

        def send(attempt: int) -> tuple[bytes, str]:
            answer = self._client.get_object(Bucket=self._bucket, Key=self._full(key))
            return answer["Body"].read(), answer["ETag"]

        with self._nothing_there():
            return self._try(key, send)
        return None

    def create(self, key: str, data: bytes) -> bool:
        """Write it unless the key exists (If-None-Match: *)."""
        return self._put_if(key, data, {"IfNoneMatch": "*"})

    def replace(self, key: str, data: bytes, version: str) -> bool:
        """Write it if the object still has this ETag (If-Match)."""
        with self._nothing_there():
            return self._put_if(key, data, {"IfMatch": version})
        return False

    def put(self, key: str, data: bytes) -> None:
        """Write it, whether it exists or not."""
        self._put(key, data)

    def upload(self, source: Path, key: str, transferred: Transferred | None = None) -> tuple[int, str]:
        """Upload a file; returns size and SHA-256 of the sent bytes."""
        with reading(str(source)), source.open("rb") as file:
            size = source.stat().st_size
            if size > self._transfers.part:
                return self._upload_parts(file, key, part_size(size, self._transfers.part), transferred)
            data = file.read()
            self._put(key, data)
        if transferred:
            transferred(len(data))
        return len(data), hashlib.sha256(data).hexdigest()

    def download(
        self, key: str, target: Path, size: int, sha256: str, transferred: Transferred | None = None
    ) -> None:
        """Download an object to a file, which appears only if size and SHA-256 are right."""
        with self._arriving(target) as (temporary, write):
            found = self._read_through(key, write, transferred, size)
            check_bytes(f"{self.uri}/{key}", found, (size, sha256))
            temporary.replace(target)

    def download_unstated(
        self, key: str, target: Path, transferred: Transferred | None = None
    ) -> tuple[int, str]:
        """Download an object of unknown size and digest to a file; returns size and SHA-256."""
        with self._arriving(target) as (temporary, write):
            found = self._read_through(key, write, transferred, None)
            temporary.replace(target)
            return found

    def fingerprint(self, key: str, transferred: Transferred | None = None) -> tuple[int, str] | None:
        """Size and SHA-256 of the stored bytes, or None; nothing is written."""
        if self.size(key) is None:
            return None
        return self._read_through(key, lambda data: None, transferred, None)

    def size(self, key: str) -> int | None:
        """Bytes, or None."""
        head = self._head(key)
        return int(head["ContentLength"]) if head else None

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """All objects whose key starts with the prefix."""
        cut = len(self._full(""))
        following: dict[str, str] = {}
        while True:
            page = self._call(prefix, "list_objects_v2", {"Prefix": self._full(prefix), **following})
            for entry in page.get("Contents", ()):
                if not entry["Key"].endswith("/"):
                    yield StoredObject(entry["Key"][cut:], entry["Size"], entry["LastModified"].timestamp())
            if not page.get("IsTruncated"):
                return
            following = {"ContinuationToken": page["NextContinuationToken"]}

    def delete(self, key: str) -> None:
        """Remove it, if it exists."""
        with self._nothing_there():
            self._call(key, "delete_object", {"Key": self._full(key)})

    def forget_unfinished(self, prefix: str) -> None:
        """Abort multipart uploads under the prefix: a killed process leaves them, and they cost space.

        Does nothing if the credentials lack the optional rights for it.
        """
        if not self._may_abort:
            return
        with self._aborting():
            found = self._call(prefix, "list_multipart_uploads", {"Prefix": self._full(prefix)})
            for upload in found.get("Uploads", ()):
                if upload["Key"].startswith(self._full(prefix)):
                    with self._nothing_there():
                        named = {"Key": upload["Key"], "UploadId": upload["UploadId"]}
                        self._call(prefix, "abort_multipart_upload", named)

    def local_path(self, key: str) -> Path | None:
        """None: objects have to be downloaded."""
        return None

    def _put(self, key: str, data: bytes) -> None:
        self._call(key, "put_object", {"Key": self._full(key), "Body": data, **self._encryption})

    def _put_if(self, key: str, data: bytes, condition: dict[str, str]) -> bool:
        tries = 0

        def send(attempt: int) -> None:
            nonlocal tries
            tries = attempt
            self._client.put_object(
                Bucket=self._bucket, Key=self._full(key), Body=data, **self._encryption, **condition
            )

        try:
            self._try(key, send)
        except StageError as refused:
            if _code(refused) not in s3_errors.CONDITION_FAILED:
                raise
            if not tries:
                return False
            # An earlier try may have succeeded and its answer been lost: then the condition failed on our own
            # write. The bytes of each caller are unique, so equal bytes are ours.
            found = self.get(key)
            return found is not None and found[0] == data
        return True

    def _upload_parts(
        self, file: BufferedReader, key: str, part: int, transferred: Transferred | None
    ) -> tuple[int, str]:
        digest, size = hashlib.sha256(), 0
        begun = self._call(key, "create_multipart_upload", {"Key": self._full(key), **self._encryption})
        named = {"Key": self._full(key), "UploadId": begun["UploadId"]}

        def pieces() -> Iterator[tuple[int, bytes]]:
            nonlocal size
            number = 1
            while data := file.read(part):
                digest.update(data)
                size += len(data)
                yield number, data
                number += 1

        def send(piece: tuple[int, bytes]) -> dict[str, object]:
            number, data = piece
            answer = self._call(key, "upload_part", {**named, "PartNumber": number, "Body": data})
            if transferred:
                transferred(len(data))
            return {"PartNumber": number, "ETag": answer["ETag"]}

        try:
            with contextlib.closing(self._parallel.in_order(pieces(), send)) as sent:
                parts = [*sent]
            self._complete(key, named, parts, size)
        except BaseException:
            with contextlib.suppress(StageError), self._aborting():
                self._call(key, "abort_multipart_upload", named, replace(self._retries, deadline=5.0))
            raise
        return size, digest.hexdigest()

    def _complete(self, key: str, named: dict[str, str], parts: Parts, size: int) -> None:
        tries = 0

        def send(attempt: int) -> None:
            nonlocal tries
            tries = attempt
            self._client.complete_multipart_upload(
                Bucket=self._bucket, MultipartUpload={"Parts": parts}, **named
            )

        try:
            self._try(key, send)
        except StageError as refused:
            # As with conditional writes: the upload is gone because an earlier try completed it.
            obeyed = tries and _code(refused) == "NoSuchUpload"
            if not obeyed or self.size(key) != size:
                raise

    def _read_through(
        self,
        key: str,
        write: Callable[[bytes], object],
        transferred: Transferred | None,
        stated: int | None,
    ) -> tuple[int, str]:
        """Read an object in order, hash it and write it; a small one of known size in one request."""
        if stated is not None and stated <= self._transfers.part:
            found = self.get(key)
            if found is None:
                raise self._vanished(key)
            write(found[0])
            if transferred:
                transferred(len(found[0]))
            return len(found[0]), hashlib.sha256(found[0]).hexdigest()
        head = self._head(key)
        if head is None:
            raise self._vanished(key)
        size = int(head["ContentLength"])
        digest = hashlib.sha256()

        def bring(piece: tuple[int, int]) -> bytes:
            data = self._range(key, piece, head["ETag"])
            if transferred:
                transferred(len(data))
            return data

        with contextlib.closing(self._parallel.in_order(ranges(size, self._transfers.part), bring)) as pieces:
            for data in pieces:
                digest.update(data)
                write(data)
        return size, digest.hexdigest()

    def _range(self, key: str, piece: tuple[int, int], version: str) -> bytes:
        first, last = piece

        def send(attempt: int) -> bytes:
            answer = self._client.get_object(
                Bucket=self._bucket, Key=self._full(key), Range=f"bytes={first}-{last}", IfMatch=version
            )
            data: bytes = answer["Body"].read()
            return data

        try:
            data = self._try(key, send)
        except StageError as refused:
            if _code(refused) in s3_errors.NOTHING_THERE | s3_errors.CONDITION_FAILED:
                raise self._vanished(key) from refused
            raise
        if len(data) != last - first + 1:
            raise PermanentError(
                f"{self._endpoint} does not obey ranges: {len(data)} bytes for {first} to {last} of "
                f"{self.uri}/{key}",
                ExitCode.CONFIGURATION,
            )
        return data

    def _head(self, key: str) -> Any:
        with self._nothing_there():
            return self._call(key, "head_object", {"Key": self._full(key)})
        return None

    def _call(self, key: str, operation: str, request: Request, retries: Retries | None = None) -> Any:
        send = getattr(self._client, operation)
        return self._try(key, lambda attempt: send(Bucket=self._bucket, **request), retries)

    def _try(self, key: str, send: Callable[[int], Result], retries: Retries | None = None) -> Result:
        """Send with retries.

        Raises:
            StageError: the request failed; its cause is botocore's error.
        """
        try:
            return (retries or self._retries).run(send, s3_errors.is_transient)
        except (ClientError, BotoCoreError) as error:
            raise s3_errors.explained(error, f"{self.uri}/{key}".rstrip("/"), self._endpoint) from error

    @contextlib.contextmanager
    def _nothing_there(self) -> Iterator[None]:
        """Leave the block quietly if the object does not exist."""
        try:
            yield
        except StageError as refused:
            if _code(refused) not in s3_errors.NOTHING_THERE:
                raise

    @contextlib.contextmanager
    def _aborting(self) -> Iterator[None]:
        """Leave the block if the store refuses it for want of an optional right; this is logged once."""
        try:
            yield
        except StageError as refused:
            if not s3_errors.is_unavailable(refused.__cause__):
                raise
            if self._may_abort:
                self._may_abort = False
                self._log(s3_errors.CANNOT_ABORT.format(uri=self.uri, code=_code(refused)))

    @contextlib.contextmanager
    def _arriving(self, target: Path) -> Iterator[tuple[Path, Callable[[bytes], object]]]:
        """A temporary file in the target's folder; it is removed at the end unless it was moved."""
        temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(8)}.part")
        with writing(str(target)):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with temporary.open("wb", buffering=0) as file:
                    yield temporary, lambda data: _write_whole(file.fileno(), data)
            finally:
                temporary.unlink(missing_ok=True)

    def _vanished(self, key: str) -> RetryableError:
        return RetryableError(f"{self.uri}/{key} does not exist (any more)")

    def _full(self, key: str) -> str:
        return f"{self._prefix}/{key}" if self._prefix else key


def _code(refused: StageError) -> str:
    """The server's error code; empty if the error is our own."""
    return s3_errors.code_of(refused.__cause__)


def _write_whole(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
