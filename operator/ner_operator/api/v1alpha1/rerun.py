"""`spec.rerun`: requesting a new result of a stage."""

from ner_operator.api.base import ApiModel
from ner_operator.api.field_types import Token


class Rerun(ApiModel):
    """Tokens by stage. A new token requests a new result; an old token selects its old result again."""

    prepare: Token | None = None
    """Reads data and base model again."""
    finetune: Token | None = None
    """Runs finetune again."""
    export: Token | None = None
    """Runs export again."""
    compile: Token | None = None
    """Compiles every variant again."""
    infer: Token | None = None
    """Runs inference of every variant and of every entry of inference again."""
    evaluate: Token | None = None
    """Evaluates every variant again."""
    benchmark: Token | None = None
    """Benchmarks every variant again."""
    promote: Token | None = None
    """Checks the gates again."""
