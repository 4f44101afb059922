"""A large file through the store, hashed on the way in and out, against a raw HTTP copy of the same file.

The same server, the same disk, the same two processors. The raw copy is what
`curl` would do: one signed PUT, one GET, no digest of anything. Each round
does all four, one after another; the medians of the rounds are compared.
"""

import contextlib
import http.client
import os
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.harness import Options, table, versions
from ner_jobs.store.s3 import S3Store
from ner_jobs.task import StorageSettings

MIB = 1 << 20
BLOCK = MIB
ROUNDS = 5
BUCKET = "benchmark"


def run(options: Options) -> dict[str, object]:
    """Keys: `upload_ratio` and `download_ratio`: the raw copy's seconds over the store's; more is better."""
    size = 64 * MIB if options.quick else 1024 * MIB
    rounds = 2 if options.quick else ROUNDS
    source, target = options.work / "source.bin", options.work / "target.bin"
    _write_noise(source, size)
    seconds: dict[str, list[float]] = {}
    with _server(options) as (name, endpoint):
        store = S3Store(StorageSettings(uri=f"s3://{BUCKET}/store", endpoint_url=endpoint))
        client = _client(endpoint)
        client.create_bucket(Bucket=BUCKET)
        store.probe()
        for number in range(rounds):
            raw, ours = f"raw-{number}", f"ours-{number}"
            _time(seconds, "raw upload", lambda raw=raw: _raw_put(client, source, raw))
            found: list[tuple[int, str]] = []
            _time(
                seconds, "our upload", lambda ours=ours, found=found: found.append(store.upload(source, ours))
            )
            _time(seconds, "raw download", lambda raw=raw: _raw_get(client, raw, target))
            _check(target, size)
            _time(
                seconds,
                "our download",
                lambda ours=ours, found=found: store.download(ours, target, *found[0]),
            )
            _check(target, size)
            client.delete_object(Bucket=BUCKET, Key=raw)
            store.delete(ours)
    source.unlink()
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
    # What the former copy left to be written to the disk is not this one's.
    os.sync()
    began = time.perf_counter()
    work()
    seconds.setdefault(what, []).append(time.perf_counter() - began)


def _raw_put(client: Any, source: Path, key: str) -> None:
    url = urlsplit(client.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": key}))
    connection = http.client.HTTPConnection(url.netloc, blocksize=BLOCK)
    with source.open("rb") as file:
        length = str(source.stat().st_size)
        connection.request("PUT", f"{url.path}?{url.query}", file, {"Content-Length": length})
        response = connection.getresponse()
        _expect_ok(response, response.read())
    connection.close()


def _raw_get(client: Any, key: str, target: Path) -> None:
    url = urlsplit(client.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": key}))
    connection = http.client.HTTPConnection(url.netloc)
    connection.request("GET", f"{url.path}?{url.query}")
    response = connection.getresponse()
    _expect_ok(response, b"")
    with target.open("wb") as file:
        while block := response.read(BLOCK):
            file.write(block)
    connection.close()


def _expect_ok(response: http.client.HTTPResponse, body: bytes) -> None:
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


def _client(endpoint: str) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(signature_version="s3v4", s3={"addressing_style": "path"})
    return boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", config=config)


@contextlib.contextmanager
def _server(options: Options) -> Iterator[tuple[str, str]]:
    """A server in a process of its own until the block ends: its name and endpoint."""
    access, secret = "benchmark", secrets.token_hex(16)
    os.environ.update(AWS_ACCESS_KEY_ID=access, AWS_SECRET_ACCESS_KEY=secret)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    folder = options.work / "server"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    unpack = options.shared / "kube" / "unpack"
    if unpack.is_file():
        subprocess.run([str(unpack), str(options.work), "versitygw"], check=True)
        name = "versitygw"
        command = [str(options.work / name), "--port", f"127.0.0.1:{port}", "posix", str(folder)]
    else:
        name = "moto"
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    environment = {**os.environ, "ROOT_ACCESS_KEY": access, "ROOT_SECRET_KEY": secret}
    with (options.work / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        _wait_for(port, process, options.work / "server.log")
        yield name, f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise SystemExit(f"the server does not start: {log.read_text(errors='replace')[-1000:]}")
