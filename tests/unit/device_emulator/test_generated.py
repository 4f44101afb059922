"""The Python beside the proto is what the proto says."""

import subprocess
import sys
from pathlib import Path


def test_the_generated_code_is_up_to_date(repository: Path, tmp_path: Path) -> None:
    sources = repository / "images" / "device-emulator"
    subprocess.run(
        [
            *(sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={sources}"),
            *(f"--{kind}_out={tmp_path}" for kind in ("python", "pyi", "grpc_python")),
            "device_emulator/kubelet/v1beta1.proto",
        ],
        check=True,
    )
    made = sorted((tmp_path / "device_emulator" / "kubelet").iterdir())
    assert len(made) == 3
    for file in made:
        there = sources / file.relative_to(tmp_path)
        assert there.read_text() == file.read_text(), f"{there.name} differs: make proto"
