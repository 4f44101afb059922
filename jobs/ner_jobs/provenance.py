"""What made a result: recorded in its manifest, not in its key. Imports nothing heavy."""

import platform
import socket
from pathlib import Path
from typing import Any

from ner_jobs import host
from ner_jobs.task import Task

PACKAGES = (
    "nerdeployment",
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "numpy",
    "onnx",
    "onnxruntime",
    "openvino",
    "nncf",
)


def provenance_of(task: Task) -> dict[str, Any]:
    """Versions, machine, devices, image and threads of this process."""
    return {
        "versions": {"python": platform.python_version(), **host.versions(PACKAGES)},
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "cpu": _processor_name(),
        "isa": host.isa_class(),
        "cpuFeatures": list(host.cpu_features()),
        "threads": task.threads or host.processors(),
        "devices": list(host.given_devices()),
        "image": task.image,
    }


def _processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2] for line in lines if line.startswith("model name"))
    return " ".join(next(names, platform.processor()).split())
