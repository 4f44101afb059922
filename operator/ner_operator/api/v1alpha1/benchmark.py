"""`spec.benchmark`: how speed is measured."""

from typing import ClassVar

from pydantic import Field

from ner_operator.api.base import ApiModel
from ner_operator.api.v1alpha1 import rules
from ner_operator.api.v1alpha1.data import DataSource


class Benchmark(ApiModel):
    """Measures every variant in a closed loop: sentences a second, latency, memory."""

    instances: int = Field(default=1, ge=1, le=1024)
    """Number of concurrent single-threaded workers."""
    processes: int = Field(default=1, ge=1, le=1024)
    """Number of processes that share the instances; at most one for each instance."""
    batch_size: int = Field(default=1, ge=1, le=4096)
    """Sentences in one call of the model."""
    seconds: float = Field(default=10.0, gt=0, le=3600)
    """Seconds of measurement, after warm-up."""
    warmup_seconds: float = Field(default=2.0, ge=0, le=600)
    """Seconds of warm-up."""
    synthetic_length: int | None = Field(default=None, ge=1, le=8192)
    """Measures on generated sentences of this many tokens. Absent: on dataset, or else on data.test."""
    dataset: DataSource | None = None
    """Measures on this data set. Absent: on data.test."""

    rules: ClassVar = rules.BENCHMARK
