"""`spec.inference[]`: batch inference with the promoted model."""

from pydantic import Field

from ner_operator.api.base import ApiModel
from ner_operator.api.field_types import Name
from ner_operator.api.v1alpha1.data import DataSource


class Inference(ApiModel):
    """Batch inference of one data set."""

    name: Name
    """Name of the result; the step is inference/NAME."""
    data: DataSource
    """Input: a data set of any format, with or without gold tags; jsonl may hold raw text."""
    batch_size: int = Field(default=16, ge=1, le=4096)
    """Sentences in one call of the model."""
    npz: bool = False
    """Also writes the logits as npz files with the array output_0, as in the reference workflow."""
