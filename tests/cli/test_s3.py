"""The whole of it with its results in S3, as a team uses it; and what it says where the store fails."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ner_jobs.task import ExitCode
from testbed.faulty_s3 import Fault, Proxy, proxy_before
from testbed.s3_servers import CREDENTIALS, S3Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@dataclass(frozen=True)
class InS3:
    """`tiny` in a bucket of its own, behind a proxy."""

    nerd: Any
    spec: Path
    bucket: str
    server: S3Server
    proxy: Proxy

    def __call__(self, command: str, *arguments: str, bucket: str = "", given: str | None = None) -> Any:
        storage = f"s3://{bucket or self.bucket}/nlp/tiny"
        endpoint = f"storage.endpointUrl={self.proxy.endpoint}"
        return self.nerd(
            command, "-f", self.spec, "--storage", storage, "--set", endpoint, *arguments, given=given
        )

    def objects(self, prefix: str) -> list[str]:
        found = self.server.client.list_objects_v2(Bucket=self.bucket, Prefix=f"nlp/tiny/{prefix}")
        return [item["Key"] for item in found.get("Contents", [])]


@pytest.fixture(scope="module")
def in_s3(nerd: Any, tiny: Path, any_server: S3Server) -> Iterator[InS3]:
    with proxy_before(any_server.endpoint) as proxy:
        yield InS3(nerd.given(**CREDENTIALS), tiny, any_server.new_bucket(), any_server, proxy)


@pytest.fixture(scope="module")
def run(in_s3: InS3) -> Any:
    """Run in full, while the server refuses now and then."""
    in_s3.proxy.faults += [
        Fault("refuse", "GET", times=3),
        Fault("refuse", "PUT", "manifest.json", times=4),
        Fault("cut", "GET", "prepare", times=2),
        Fault("lose", "PUT", "promoted", times=1),
    ]
    done = in_s3("run", "-o", "json")
    assert done.code == 0, done.err
    return done


def test_it_ends_with_a_model_in_service_although_the_store_failed_now_and_then(
    in_s3: InS3, run: Any
) -> None:
    assert [fault for fault in in_s3.proxy.faults if fault.times] == []
    assert run.json["failures"] == []
    assert run.json["inService"]["variant"] == "reference"
    assert Path(run.json["report"]).is_file()
    assert len(in_s3.objects("promoted/")) == 1


def test_the_second_run_finds_everything(in_s3: InS3, run: Any) -> None:
    again = in_s3("run", "-o", "json")
    assert again.json["ran"] == []
    assert in_s3("plan", "-o", "json").json["revision"] == run.json["revision"]


def test_the_model_serves_from_there(in_s3: InS3, run: Any) -> None:
    said = in_s3("predict", "-o", "json", given="记者李娜从金山镇报道\n")
    assert said.code == 0, said.err
    assert json.loads(said.out)["text"] == "记者李娜从金山镇报道"
    assert in_s3("logs", "prepare").out.count("tag scheme") == 1
    assert [position["variant"] for position in in_s3("history", "-o", "json").json["positions"]] == [
        "reference"
    ]


def test_a_flipped_byte_is_found_named_and_mended(in_s3: InS3, run: Any) -> None:
    (victim,) = [name for name in in_s3.objects("evaluate/") if name.endswith("counts.npz")]
    stored = bytearray(in_s3.server.client.get_object(Bucket=in_s3.bucket, Key=victim)["Body"].read())
    stored[len(stored) // 2] ^= 1
    in_s3.server.client.put_object(Bucket=in_s3.bucket, Key=victim, Body=bytes(stored))
    found = in_s3("verify")
    assert found.code == ExitCode.DATA
    assert victim in found.out
    mended = in_s3("run", "--rerun", "evaluate/reference", "-o", "json")
    assert mended.code == 0, mended.err
    assert in_s3("verify").code == 0


def test_a_bucket_that_is_not_there_is_named(in_s3: InS3) -> None:
    said = in_s3("run", bucket="nobody-made-it")
    assert said.code == ExitCode.TRY_AGAIN
    assert "nobody-made-it" in said.err
    assert len(said.err.splitlines()) < 5


def test_credentials_that_are_wrong_are_named(in_s3: InS3) -> None:
    if not in_s3.server.checks_signatures:
        pytest.skip("this server lets everybody in: it takes versitygw, of the shared material")
    wrong = InS3(
        in_s3.nerd.given(AWS_SECRET_ACCESS_KEY="wrong"), in_s3.spec, in_s3.bucket, in_s3.server, in_s3.proxy
    )
    said = wrong("plan")
    assert said.code == ExitCode.TRY_AGAIN
    assert "AWS_SECRET_ACCESS_KEY" in said.err or "credentials" in said.err
    assert len(said.err.splitlines()) < 5
