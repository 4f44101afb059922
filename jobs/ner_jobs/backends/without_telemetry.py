"""OpenVINO, imported so that nothing reports its use over the network.

NNCF and OpenVINO's tools send telemetry through the package
`openvino_telemetry`, take a missing consent file for consent, and have no
switch of their own outside their developers' CI. Both go on without that
package, so here it cannot be found. Import `openvino` from this module, and
`nncf` only after it.
"""

import importlib
import sys
from typing import Any

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

openvino: Any = importlib.import_module("openvino")
