"""Converts pickled weights to safetensors. Pickled code is never run."""

from pathlib import Path

from ner_jobs.models.folder import WEIGHTS, ModelFolder
from ner_jobs.task import ExitCode, PermanentError

PICKLED = ("pytorch_model*.bin",)


def convert_pickled_weights(source: ModelFolder, target: Path, base: str) -> str:
    """Write the tensors of `pytorch_model*.bin` as `model.safetensors`.

    Args:
        source: folder with the pickled files.
        target: folder that gets `model.safetensors`.
        base: the model as the user named it, for messages.

    Returns:
        What was done, as a sentence for the log.

    Raises:
        PermanentError: there are no weights at all, or a file holds something else than tensors.
    """
    names = source.names(PICKLED)
    if not names:
        raise PermanentError(
            f"spec.model.base: {base} has no weights (model.safetensors or pytorch_model.bin); "
            "for a model from nothing write spec.model.config",
            ExitCode.NO_INPUT,
        )
    # torch takes seconds to import, and most models have safetensors.
    import torch
    from safetensors.torch import save_file

    tensors: dict[str, torch.Tensor] = {}
    for name in names:
        try:
            content = torch.load(source.path / name, map_location="cpu", weights_only=True)
        except Exception as error:
            # Unpickling raises errors of many types; each means that the file does not hold plain tensors.
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
            raise PermanentError(
                f"spec.model.base: {name} is not a set of tensors (it is read with weights_only): {reason}"
            ) from error
        if not isinstance(content, dict):
            raise PermanentError(
                f"spec.model.base: {name} holds a {type(content).__name__}, not tensors by name"
            )
        # Tied weights share memory, which safetensors refuses: each gets its own.
        tensors |= {
            str(key): value.detach().clone().contiguous()
            for key, value in content.items()
            if isinstance(value, torch.Tensor)
        }
    save_file(tensors, target / WEIGHTS, metadata={"format": "pt"})
    return f"{', '.join(names)} read with weights_only and written as {WEIGHTS}"
