"""A task: the whole input of a stage, as one JSON document.

Credentials are never in it: they come from the environment or mounted files,
under AWS's own names.
"""

from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from ner_jobs.task.manifest import InputReference

TASK_ENVIRONMENT_VARIABLE = "NERD_TASK"
"""Holds the task's JSON in a pod; `python -m ner_jobs --task FILE` reads a file instead."""

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
"""Numeric libraries read these when they are imported."""


class Stage(StrEnum):
    """The stages, in the order in which a model goes through them."""

    PREPARE = "prepare"
    FINETUNE = "finetune"
    EXPORT = "export"
    COMPILE = "compile"
    INFER = "infer"
    EVALUATE = "evaluate"
    BENCHMARK = "benchmark"
    PROMOTE = "promote"


class Contract(BaseModel):
    """Base of what operator and jobs exchange: camelCase in JSON, unknown fields refused, frozen."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class StorageSettings(Contract):
    """Where artifacts live, and how to speak to it.

    Attributes:
        uri: `s3://bucket/prefix` or `file:///folder`.
        endpoint_url: of an S3-compatible server; None is AWS.
        ca_bundle: path of a PEM file, for a server with a private CA.
        server_side_encryption: `AES256`, `aws:kms`, or None.
        kms_key_id: the key, with `aws:kms`.
    """

    uri: str
    endpoint_url: str | None = None
    region: str | None = None
    path_style: bool = True
    ca_bundle: Path | None = None
    server_side_encryption: str | None = None
    kms_key_id: str | None = None


class Owner(Contract):
    """The NerDeployment that this task serves; its pointer is `promoted/<namespace>/<name>`."""

    namespace: str
    name: str
    uid: str = ""


class Task(Contract):
    """One stage to run.

    Attributes:
        key: names the result; 64 hexadecimal digits.
        attempt: names this attempt's folder under the key; any two attempts differ.
        variant: name of the variant, for the stages that have one.
        parameters: those of the stage: a dump of its class in `ner_jobs.task.parameters`.
        inputs: by role, what other stages left.
        threads: processors that this stage may use; 0 is all of the machine's.
        emulated: the runtime's device is a stand-in; the manifest records it.
        image: as the runtime names it; empty in a local run.
    """

    stage: Stage
    key: str = Field(pattern=r"^[0-9a-f]{64}$")
    attempt: str = Field(pattern=r"^[A-Za-z0-9._-]{1,63}$")
    variant: str | None = None
    parameters: dict[str, Any]
    inputs: dict[str, InputReference] = {}
    storage: StorageSettings
    owner: Owner
    threads: int = Field(default=0, ge=0)
    emulated: bool = False
    image: str = ""
