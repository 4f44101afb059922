"""The accelerators that this process was given, as their device plugin says in the environment.

A plugin whose devices are stand-ins says that too: then the runtime need not
be trusted to say it.
"""

import os

EMULATED_VARIABLE = "NERD_DEVICE_EMULATED"
"""`true` where the devices are stand-ins."""

IDS_VARIABLE = "NERD_DEVICE_IDS"
"""Names of the devices, with commas between them."""


def on_emulated_devices() -> bool:
    """Whether the device plugin says that its devices are stand-ins."""
    return os.environ.get(EMULATED_VARIABLE) == "true"


def given_devices() -> tuple[str, ...]:
    """Names of the devices that this process was given; none where its plugin does not say."""
    return tuple(name for name in os.environ.get(IDS_VARIABLE, "").split(",") if name)
