"""The backends by name. Each is imported when it is first used."""

import importlib
from typing import cast

from ner_jobs.engines.base import Backend
from ner_jobs.task import ExitCode, PermanentError

BACKENDS = {
    "torchscript": "ner_jobs.engines.torchscript:TorchScriptBackend",
    "onnxruntime": "ner_jobs.engines.onnxruntime:OnnxRuntimeBackend",
    "openvino": "ner_jobs.engines.openvino:OpenVinoBackend",
}


def backend(name: str) -> Backend:
    """Open a backend by its name.

    Raises:
        PermanentError: no backend has this name, or its libraries are not installed.
    """
    if name not in BACKENDS:
        raise PermanentError(f"no backend {name!r}; there are {', '.join(BACKENDS)}", ExitCode.USAGE)
    module, _, kind = BACKENDS[name].partition(":")
    try:
        return cast(Backend, getattr(importlib.import_module(module), kind)())
    except ModuleNotFoundError as error:
        raise PermanentError(
            f"backend {name} needs {error.name}; install nerdeployment[{name}]", ExitCode.CONFIGURATION
        ) from error
