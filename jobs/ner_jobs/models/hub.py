"""Downloads a model from the Hugging Face hub: its data files only, no code."""

from pathlib import Path

from ner_jobs.models.folder import PICKLED_WEIGHTS, SAFE_WEIGHTS, SMALL_FILES, matches
from ner_jobs.task import ExitCode, PermanentError, RetryableError

ELSEWHERE = "or put the model into a folder or an s3:// prefix and write that URI"


def download_model(base: str, revision: str | None, cache: Path) -> tuple[Path, str]:
    """Download config, tokenizer and weights; pickled weights only if there are no safe ones.

    Args:
        base: id on the hub.
        revision: commit, tag or branch; None is the newest.
        cache: folder that is written to.

    Returns:
        The folder, and the commit that was taken.

    Raises:
        PermanentError: the hub has no such model, refuses access to it, or may not be asked.
        RetryableError: the hub cannot be reached.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    at = f"{base} at {revision}" if revision else base
    try:
        listed = [str(name) for name in HfApi().list_repo_files(base, revision=revision)]
        safe = any(matches(name, SAFE_WEIGHTS) for name in listed)
        patterns = [*SMALL_FILES, *(SAFE_WEIGHTS if safe else PICKLED_WEIGHTS)]
        folder = Path(
            snapshot_download(
                base, revision=revision, allow_patterns=patterns, cache_dir=cache, max_workers=4
            )
        )
    except GatedRepoError as error:
        raise PermanentError(
            f"spec.model.base: {at} is gated; accept its terms and set HF_TOKEN, {ELSEWHERE}",
            ExitCode.NO_INPUT,
        ) from error
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise PermanentError(
            f"spec.model.base: the Hugging Face hub has no {at} (or it is private: set HF_TOKEN); check the "
            f"name, {ELSEWHERE}",
            ExitCode.NO_INPUT,
        ) from error
    except OfflineModeIsEnabled as error:
        raise PermanentError(
            f"spec.model.base: there is no folder {base} here, so it is an id of the Hugging Face hub, and "
            f"HF_HUB_OFFLINE forbids to ask the hub; unset it, {ELSEWHERE}",
            ExitCode.CONFIGURATION,
        ) from error
    except Exception as error:
        # The HTTP client raises errors of its own, and which client the hub library uses changes.
        own = isinstance(error, HfHubHTTPError | LocalEntryNotFoundError | OSError)
        if not own and not type(error).__module__.startswith(("httpx", "httpcore")):
            raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise RetryableError(
            f"spec.model.base: there is no folder {base} here, and the Hugging Face hub cannot be reached "
            f"for {at} ({reason}); check the network and HF_ENDPOINT, {ELSEWHERE}"
        ) from error
    return folder, folder.name
