"""`spec.rerun`: asking for a stage's result again."""

from ner_operator.api.base import ApiModel
from ner_operator.api.strings import Token


class Rerun(ApiModel):
    """A token a stage; a new token asks for a new result, an old one finds its result again."""

    prepare: Token | None = None
    """Reads data and base model again."""
    finetune: Token | None = None
    """Trains again."""
    export: Token | None = None
    """Exports again."""
    compile: Token | None = None
    """Compiles every variant again."""
    infer: Token | None = None
    """Infers every variant, and every entry of inference, again."""
    evaluate: Token | None = None
    """Evaluates every variant again."""
    benchmark: Token | None = None
    """Measures every variant again."""
    promote: Token | None = None
    """Judges again."""
