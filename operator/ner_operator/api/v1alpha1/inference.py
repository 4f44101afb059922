"""`spec.inference[]`: more data to run through the promoted model."""

from pydantic import Field

from ner_operator.api.base import ApiModel
from ner_operator.api.strings import Name
from ner_operator.api.v1alpha1.data import DataSource


class Inference(ApiModel):
    """Batch inference of one data set."""

    name: Name
    """Names the result: its step is inference/NAME."""
    data: DataSource
    """What is read: a data set of any format, with or without gold tags; jsonl may hold raw text."""
    batch_size: int = Field(default=16, ge=1, le=4096)
    """Sentences in one call of the model."""
    npz: bool = False
    """Also writes the logits as npz files with output_0, as the reference workflow does."""
