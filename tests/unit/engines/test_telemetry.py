"""An engine that is imported by its backend reports to nobody, and leaves nothing behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

IMPORT = """
import importlib, sys
importlib.import_module(sys.argv[1])
for module in sys.argv[2:]:
    importlib.import_module(module)
print(bool(sys.modules.get("openvino_telemetry")))
"""


@pytest.mark.parametrize(
    ("backend", "also"),
    [("onnxruntime", ["onnxruntime"]), ("openvino", ["openvino", "nncf"])],
)
def test_importing_an_engine(backend: str, also: list[str], tmp_path: Path) -> None:
    # ONNX Runtime keeps quiet by itself where it takes itself to be in somebody's CI.
    outside_ci = {name: value for name, value in os.environ.items() if name not in ("CI", "GITHUB_ACTIONS")}
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, f"ner_jobs.engines.{backend}", *also],
        env={**outside_ci, "TMPDIR": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"
    assert [*tmp_path.iterdir()] == []
