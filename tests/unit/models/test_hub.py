"""The Hugging Face hub, when it cannot be asked: the message says what to do instead."""

from pathlib import Path

import pytest

from ner_jobs.models.hub import download_model
from ner_jobs.task import ExitCode, PermanentError, RetryableError


def test_an_unreachable_hub_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(RetryableError, match=r"cannot be reached for some/model at main .*s3:// prefix"):
        download_model("some/model", "main", tmp_path)


def test_a_hub_that_nobody_may_ask_is_not_asked_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        PermanentError, match=r"there is no folder some/model here.*HF_HUB_OFFLINE"
    ) as refusal:
        download_model("some/model", None, tmp_path)
    assert refusal.value.code is ExitCode.CONFIGURATION
