"""Upload and download of a large file: the store, which computes digests, against a raw HTTP copy.

Both use the same server, disk and processors. The raw copy is what `curl`
does: one signed PUT, one GET, no digest. Each round does all four transfers
one after another; the medians of the rounds are compared.
"""

import os
import shutil
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.harness import Options, table, versions
from ner_jobs.store.s3 import S3Store
from ner_jobs.task import StorageSettings
from testbed.programs import ProgramMissingError, find_program
from testbed.s3_servers import CREDENTIALS, S3Server, moto, versitygw

MIB = 1 << 20
BLOCK = MIB
ROUNDS = 5


def run(options: Options) -> dict[str, object]:
    """Keys: `upload_ratio`, `download_ratio`: the raw copy's seconds over the store's; more is better."""
    size = 64 * MIB if options.quick else 1024 * MIB
    rounds = 2 if options.quick else ROUNDS
    source, target = options.work / "source.bin", options.work / "target.bin"
    _write_noise(source, size)
    seconds: dict[str, list[float]] = {}
    os.environ.update(CREDENTIALS)
    folder = options.work / "server"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    name, running = _chosen(folder)
    with running as server:
        client, bucket = server.client, server.new_bucket()
        store = S3Store(StorageSettings(uri=f"s3://{bucket}/store", endpoint_url=server.endpoint))
        store.probe()
        for number in range(rounds):
            raw, ours = f"raw-{number}", f"ours-{number}"
            _time(seconds, "raw upload", lambda raw=raw: _raw_put(server, source, bucket, raw))
            found: list[tuple[int, str]] = []
            _time(
                seconds, "our upload", lambda ours=ours, found=found: found.append(store.upload(source, ours))
            )
            _time(seconds, "raw download", lambda raw=raw: _raw_get(server, bucket, raw, target))
            _check(target, size)
            _time(
                seconds,
                "our download",
                lambda ours=ours, found=found: store.download(ours, target, *found[0]),
            )
            _check(target, size)
            client.delete_object(Bucket=bucket, Key=raw)
            store.delete(ours)
    source.unlink()
    shutil.rmtree(folder, ignore_errors=True)
    medians = {what: statistics.median(taken) for what, taken in seconds.items()}
    table(
        f"{size // MIB} MiB through {name}, median of {rounds} rounds ({versions('boto3', 'botocore')})",
        ("", "seconds", "fastest", "slowest", "MiB/s"),
        [
            (what, medians[what], min(taken), max(taken), size / MIB / medians[what])
            for what, taken in seconds.items()
        ],
    )
    return {
        "upload_ratio": round(medians["raw upload"] / medians["our upload"], 3),
        "download_ratio": round(medians["raw download"] / medians["our download"], 3),
    }


def _time(seconds: dict[str, list[float]], what: str, work: Callable[[], object]) -> None:
    # Written blocks of the copy before must not be flushed during this one.
    os.sync()
    began = time.perf_counter()
    work()
    seconds.setdefault(what, []).append(time.perf_counter() - began)


def _raw_put(server: S3Server, source: Path, bucket: str, key: str) -> None:
    connection, path = _signed(server, "put_object", bucket, key)
    with source.open("rb") as file:
        connection.request("PUT", path, file, {"Content-Length": str(source.stat().st_size)})
        response = connection.getresponse()
        _expect_ok(response, response.read())
    connection.close()


def _raw_get(server: S3Server, bucket: str, key: str, target: Path) -> None:
    connection, path = _signed(server, "get_object", bucket, key)
    connection.request("GET", path)
    response = connection.getresponse()
    _expect_ok(response, b"")
    with target.open("wb") as file:
        while block := response.read(BLOCK):
            file.write(block)
    connection.close()


def _signed(server: S3Server, operation: str, bucket: str, key: str) -> tuple[HTTPConnection, str]:
    """A connection to the server, and the path of a signed request."""
    url = urlsplit(server.client.generate_presigned_url(operation, Params={"Bucket": bucket, "Key": key}))
    return HTTPConnection(url.netloc, blocksize=BLOCK), f"{url.path}?{url.query}"


def _expect_ok(response: HTTPResponse, body: bytes) -> None:
    if response.status != 200:
        raise SystemExit(f"the server answers {response.status}: {body[:500]!r}")


def _check(target: Path, size: int) -> None:
    if target.stat().st_size != size:
        raise SystemExit(f"{target} has {target.stat().st_size} bytes, not {size}")
    target.unlink()


def _write_noise(path: Path, size: int) -> None:
    with path.open("wb") as file:
        for _ in range(size // BLOCK):
            file.write(os.urandom(BLOCK))


def _chosen(folder: Path) -> tuple[str, AbstractContextManager[S3Server]]:
    """The name of a server and the server: versitygw, or moto's if versitygw is not on this machine."""
    try:
        find_program("versitygw")
    except ProgramMissingError:
        return "moto", moto(folder)
    return "versitygw", versitygw(folder)
