"""Engines; imported so that none of them reports its use over the network.

This file runs before any module of the package imports an engine.

NNCF and OpenVINO's tools send telemetry through the package
`openvino_telemetry`, take a missing consent file for consent, and have no
switch of their own outside their developers' CI. Both go on without that
package, so here it cannot be found. ONNX Runtime does so on Linux from 1.29
on (https://github.com/microsoft/onnxruntime/pull/27379) and reads its switch
once, when it is imported; without it a file is left in TMPDIR besides.
"""

import os
import sys

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
