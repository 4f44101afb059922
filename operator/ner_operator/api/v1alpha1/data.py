"""`spec.data`: the data sets, their formats, and how validation and calibration are drawn."""

from typing import ClassVar, Literal

from pydantic import Field

from ner_jobs.task.parameters import DataFormat, TagScheme
from ner_operator.api.base import SET, ApiModel, Items
from ner_operator.api.strings import Label, Sha256, Uri
from ner_operator.api.v1alpha1 import rules

Encoding = Literal["utf-8", "gb18030"]


class DataSource(ApiModel):
    """One data set: where it lies and how to read it."""

    uri: Uri
    """Where it lies: s3://bucket/key, file:///path, or a path relative to the spec's file."""
    format: DataFormat | None = None
    """conll (a token and its tag a line), jsonl (tokens and tags, or text and spans), dataset (saved by
    Hugging Face datasets), or npz (the reference workflow's encoded windows, without text).
    Absent: data.format."""
    sha256: Sha256 | None = None
    """Pins the bytes of a single file: 64 lower-case hexadecimal digits. Other bytes are refused."""
    encoding: Encoding | None = None
    """Of a text file: utf-8 (a byte order mark is accepted) or gb18030. Absent: data.encoding."""
    label_uri: Uri | None = None
    """Of an npz set: the file of gold tag numbers, a sentence a line."""
    npz_inputs: Literal[3, 6] | None = None
    """Of an npz set: arrays in each file; compilers from 1.5 on expect 6. Absent: it is found out."""

    rules: ClassVar = rules.DATA_SOURCE


class Calibration(ApiModel):
    """The sentences on which int8 is calibrated: a sample of train, or a set of their own."""

    size: int | None = Field(default=None, ge=1, le=10000)
    """Sentences of train, drawn by data.seed so that every entity type is covered. Default: 300."""
    uri: Uri | None = None
    """Instead of a sample: a data set of its own; where it lies, as in train.uri."""
    format: DataFormat | None = None
    """Format of that data set. Absent: data.format."""
    sha256: Sha256 | None = None
    """Pins the bytes of that data set's single file: 64 lower-case hexadecimal digits."""
    encoding: Encoding | None = None
    """Of that data set, where it is text: utf-8 or gb18030. Absent: data.encoding."""
    npz_inputs: Literal[3, 6] | None = None
    """Of an npz set: arrays in each file. Absent: it is found out."""

    rules: ClassVar = rules.CALIBRATION


class Data(ApiModel):
    """What the model learns from, is chosen on, is calibrated on and is judged by."""

    format: DataFormat = "conll"
    """Format of every data set that names none: conll, jsonl, dataset or npz."""
    encoding: Encoding = "utf-8"
    """Encoding of every text file that names none: utf-8 or gb18030."""
    scheme: TagScheme = "auto"
    """How the tags mark entities. auto finds it from the tags, and prints it."""
    train: DataSource | None = None
    """What finetuning fits, and int8 is calibrated on. Required with finetune."""
    validation: DataSource | None = None
    """What chooses the epoch and the int8 recipe. Absent: validationFraction of train."""
    test: DataSource
    """What judges every variant; nothing is ever fitted or chosen on it."""
    calibration: Calibration = Calibration()
    """What int8 is calibrated on. Absent: 300 sentences of train."""
    validation_fraction: float = Field(default=0.1, gt=0, lt=1)
    """Share of train that becomes validation where none is given, by the hash of each sentence."""
    npz_labels: Items[Label] | None = Field(default=None, min_length=1, max_length=512, json_schema_extra=SET)
    """Names of the tag numbers in an npz set's label file, from 0 on. Absent: model.labels."""
    seed: int = Field(default=42, ge=0, le=2147483647)
    """Of the calibration sample and the validation split."""

    rules: ClassVar = rules.DATA
