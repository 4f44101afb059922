"""`spec.benchmark`: how speed is measured; absent, it is not."""

from typing import ClassVar

from pydantic import Field

from ner_operator.api.base import ApiModel
from ner_operator.api.v1alpha1 import rules
from ner_operator.api.v1alpha1.data import DataSource


class Benchmark(ApiModel):
    """A closed loop over every variant: sentences a second, latency, memory."""

    instances: int = Field(default=1, ge=1, le=1024)
    """Concurrent single-threaded workers in all."""
    processes: int = Field(default=1, ge=1, le=1024)
    """Processes over which the instances are spread; at most as many as instances."""
    batch_size: int = Field(default=1, ge=1, le=4096)
    """Sentences in one call."""
    seconds: float = Field(default=10.0, gt=0, le=3600)
    """How long is measured, after warm-up."""
    warmup_seconds: float = Field(default=2.0, ge=0, le=600)
    """How long it runs before that."""
    synthetic_length: int | None = Field(default=None, ge=1, le=8192)
    """Measures on made-up sentences of this many tokens. Absent: on data.test, or dataset."""
    dataset: DataSource | None = None
    """Measures on this data set. Absent: on data.test."""

    rules: ClassVar = rules.BENCHMARK
