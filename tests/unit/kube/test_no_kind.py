"""The controller library names no kind of ours, and no word of NER."""

import re
from pathlib import Path

import pytest

from ner_operator import kube

MODULES = sorted(Path(kube.__file__).parent.glob("*.py"))
OURS = re.compile(r"\bnerd?|deployment|runtime|variant|stage|\bstep", re.IGNORECASE)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_no_word_of_ours(module: Path) -> None:
    text = module.read_text(encoding="utf-8").replace("ner_operator.kube", "")
    assert OURS.findall(text) == []
