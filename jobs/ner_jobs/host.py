"""What results depend on besides code and data: this machine's processors, devices and library versions.

Read without importing any framework, because the planner needs it whenever the
command line starts. The instruction set matters: int8 saturates without VNNI,
and bf16 is emulated without AMX or AVX512-BF16. A verdict holds for a class of
processors, so the class is part of a key.

The accelerators are those that the device plugin names in the environment. A
plugin whose devices are emulated says so too, so nothing else has to be
trusted to say it.
"""

import functools
import importlib.metadata
import math
import os
import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ner_jobs.task import ExitCode, PermanentError

EMULATED_VARIABLE = "NERD_DEVICE_EMULATED"
"""`true` if the devices are emulated."""

DEVICE_IDS_VARIABLE = "NERD_DEVICE_IDS"
"""Names of the devices, separated by commas."""

_CPU_CLASSES = (
    ("amx", ("amx_int8", "amx_bf16")),
    ("avx512-bf16", ("avx512_bf16", "avx512_vnni")),
    ("avx512-vnni", ("avx512_vnni",)),
    ("avx512", ("avx512f", "avx512bw")),
    ("avx2-vnni", ("avx2", "avx_vnni")),
    ("avx2", ("avx2",)),
    ("sve", ("sve", "i8mm")),
    ("dotprod", ("asimddp",)),
)
"""From the most capable to the least: a processor is of the first class whose features it all has."""

_BF16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})

_RELEVANT = ("avx", "amx", "fma", "f16c", "asimd", "sve", "i8mm", "bf16", "vnni")


def cpu_features() -> tuple[str, ...]:
    """The processor's features by which numeric kernels are chosen, sorted; empty if unknown."""
    return tuple(sorted(flag for flag in _cpu_flags() if any(part in flag for part in _RELEVANT)))


def has_bf16() -> bool:
    """Whether the processor itself computes products in bf16, and not software."""
    return not _BF16.isdisjoint(_cpu_flags())


def has_vnni() -> bool:
    """Whether sums of int8 products are exact; without VNNI two of them can saturate 16 bits."""
    return any("vnni" in flag for flag in _cpu_flags())


@dataclass(frozen=True, slots=True)
class CpuFeature:
    """A feature of processors that a compiled model may need.

    Attributes:
        is_present: whether this processor has it.
        otherwise: what happens on a processor that lacks it.
    """

    is_present: Callable[[], bool]
    otherwise: str


CPU_FEATURES: Mapping[str, CpuFeature] = {
    "vnni": CpuFeature(
        has_vnni, "sums of int8 products would saturate, and the result be wrong without an error"
    ),
    "bf16": CpuFeature(has_bf16, "its engine would compute in another precision"),
}
"""By name. AMX is none of them: it computes the same numbers as VNNI and AVX512-BF16, only faster."""


def require_features(names: Iterable[str], what: str) -> None:
    """Refuse a compiled model on a processor that lacks a feature that it needs.

    Args:
        names: keys of `CPU_FEATURES`; an unknown one is missing.
        what: the model, for the message.

    Raises:
        PermanentError: a feature is missing; it is named.
    """
    for name in names:
        feature = CPU_FEATURES.get(name)
        if feature and feature.is_present():
            continue
        otherwise = feature.otherwise if feature else "this release does not know what it would compute"
        raise PermanentError(
            f"{what} needs a processor with {name}, and this one ({isa_class()}) has none: {otherwise}; "
            f"run it on a processor with {name}, or compile it on this kind of processor",
            ExitCode.CONFIGURATION,
        )


def isa_class() -> str:
    """The class of instruction sets that decides numeric results, like `x86_64-avx512-vnni`."""
    return f"{platform.machine().lower()}-{classify(_cpu_flags())}"


def classify(flags: Iterable[str]) -> str:
    """The most capable class whose features are all among the flags; `base` if there is none."""
    present = frozenset(flags)
    return next((name for name, needed in _CPU_CLASSES if present.issuperset(needed)), "base")


def processors() -> int:
    """How many processors this process may use, by its affinity and its cgroup's quota; at least 1."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _cgroup_processors(Path("/sys/fs/cgroup"))
    return max(1, min(allowed, math.ceil(quota))) if quota else allowed


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Installed versions, by distribution name, without what is not installed."""
    found: dict[str, str] = {}
    for package in packages:
        version = _version(package)
        if version is not None:
            found[package] = version
    return found


def on_emulated_devices() -> bool:
    """Whether the device plugin says that its devices are emulated."""
    return os.environ.get(EMULATED_VARIABLE) == "true"


def given_devices() -> tuple[str, ...]:
    """Names of the devices that this process was given; none if its plugin does not name them."""
    return tuple(name for name in os.environ.get(DEVICE_IDS_VARIABLE, "").split(",") if name)


@functools.cache
def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


@functools.cache
def _cpu_flags() -> frozenset[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return frozenset()
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return frozenset(value.split())
    return frozenset()


def _cgroup_processors(root: Path) -> float | None:
    """Processors by the CPU quota of this cgroup (version 2, else 1), or None without one."""
    try:
        quota, period = (root / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        pass
    try:
        quota_us = int((root / "cpu" / "cpu.cfs_quota_us").read_text())
        period_us = int((root / "cpu" / "cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        return None
    return quota_us / period_us if quota_us > 0 and period_us > 0 else None
