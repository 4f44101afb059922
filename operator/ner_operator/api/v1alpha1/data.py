"""`spec.data`: the data sets, their formats, and how validation and calibration sets are made."""

from typing import ClassVar, Literal

from pydantic import Field

from ner_jobs.task.parameters import DataFormat, TagScheme
from ner_operator.api.base import SET, ApiModel, Items
from ner_operator.api.field_types import Label, Sha256, Uri
from ner_operator.api.v1alpha1 import rules

Encoding = Literal["utf-8", "gb18030"]


class DataSource(ApiModel):
    """One data set: its location and its format."""

    uri: Uri
    """Location of the data: s3://bucket/key, file:///path, or a path relative to the spec's file."""
    format: DataFormat | None = None
    """conll (one token and its tag a line), jsonl (tokens and tags, or text and spans), dataset (saved by
    Hugging Face datasets), or npz (encoded windows of the reference workflow, without text).
    Absent: data.format."""
    sha256: Sha256 | None = None
    """SHA-256 of a single file: 64 lower-case hexadecimal digits. A file with other bytes is refused."""
    encoding: Encoding | None = None
    """Encoding of a text file: utf-8 (a byte order mark is accepted) or gb18030. Absent: data.encoding."""
    label_uri: Uri | None = None
    """For npz: the file of gold tag numbers, one sentence a line."""
    npz_inputs: Literal[3, 6] | None = None
    """For npz: the number of arrays in each file; compilers from version 1.5 expect 6. Absent: detected."""

    rules: ClassVar = rules.DATA_SOURCE


class Calibration(ApiModel):
    """The sentences that calibrate int8: a sample of train, or a data set of their own."""

    size: int | None = Field(default=None, ge=1, le=10000)
    """Number of sentences sampled from train (with data.seed; every entity type occurs). Default: 300."""
    uri: Uri | None = None
    """Location of a data set to use instead of a sample, as in train.uri."""
    format: DataFormat | None = None
    """Format of that data set. Absent: data.format."""
    sha256: Sha256 | None = None
    """SHA-256 of that data set, if it is a single file: 64 lower-case hexadecimal digits."""
    encoding: Encoding | None = None
    """Encoding of that data set, if it is text: utf-8 or gb18030. Absent: data.encoding."""
    npz_inputs: Literal[3, 6] | None = None
    """For npz: the number of arrays in each file. Absent: detected."""

    rules: ClassVar = rules.CALIBRATION


class Data(ApiModel):
    """The data sets for training, model selection, calibration and test."""

    format: DataFormat = "conll"
    """Format of every data set that does not state one: conll, jsonl, dataset or npz."""
    encoding: Encoding = "utf-8"
    """Encoding of every text file that does not state one: utf-8 or gb18030."""
    scheme: TagScheme = "auto"
    """Tagging scheme of the data. auto detects it from the tags and prints it."""
    train: DataSource | None = None
    """Training data; int8 is calibrated on a sample of it. Required with finetune."""
    validation: DataSource | None = None
    """Data that selects the epoch and the int8 recipe. Absent: validationFraction of train."""
    test: DataSource
    """Data that every variant is evaluated on; never used for training or selection."""
    calibration: Calibration = Calibration()
    """Data that calibrates int8. Absent: 300 sentences of train."""
    validation_fraction: float = Field(default=0.1, gt=0, lt=1)
    """Share of train that becomes validation if validation is absent. The hash of a sentence decides."""
    npz_labels: Items[Label] | None = Field(default=None, min_length=1, max_length=512, json_schema_extra=SET)
    """Names of the tag numbers in an npz label file, from 0. Absent: model.labels."""
    seed: int = Field(default=42, ge=0, le=2147483647)
    """Random seed of the calibration sample and the validation split."""

    rules: ClassVar = rules.DATA
