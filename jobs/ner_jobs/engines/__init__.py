"""Engines. None of them may report its use over the network.

This file runs before any module of the package imports an engine.

NNCF and OpenVINO's tools send telemetry through the package
`openvino_telemetry`. They treat a missing consent file as consent, and can be
switched off only in their developers' CI. Both work without that package, so
importing it is made to fail. ONNX Runtime sends telemetry on Linux since 1.29
(https://github.com/microsoft/onnxruntime/pull/27379) and leaves a file in
TMPDIR. It reads its switch once, when it is imported.
"""

import os
import sys

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
