"""What this machine is, as far as results rest on it: processors, instruction sets, library versions.

Read without importing any framework, since the planner asks for it at each
start of the command line. The instruction set matters because int8 saturates
without VNNI and bf16 is emulated without AMX or AVX512-BF16: a verdict holds
for a class of processors, so the class is part of a key.
"""

import functools
import importlib.metadata
import math
import os
import platform
from collections.abc import Iterable
from pathlib import Path

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
"""From the most able on: the first class whose features are all there names the processor."""

_BF16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})

_RELEVANT = ("avx", "amx", "fma", "f16c", "asimd", "sve", "i8mm", "bf16", "vnni")


def cpu_features() -> tuple[str, ...]:
    """The processor's features that numeric kernels choose by, sorted; empty where unknown."""
    return tuple(sorted(flag for flag in _cpu_flags() if any(part in flag for part in _RELEVANT)))


def has_bf16() -> bool:
    """Whether products in bf16 are done by the processor itself, not in software."""
    return not _BF16.isdisjoint(_cpu_flags())


def has_vnni() -> bool:
    """Whether sums of int8 products are exact; without, two of them saturate 16 bits."""
    return any("vnni" in flag for flag in _cpu_flags())


def isa_class() -> str:
    """The class of instruction sets that decides numeric results, like `x86_64-avx512-vnni`."""
    return f"{platform.machine().lower()}-{classify(_cpu_flags())}"


def classify(flags: Iterable[str]) -> str:
    """The most able class whose features are all among the flags; `base` for none."""
    present = frozenset(flags)
    return next((name for name, needed in _CPU_CLASSES if present.issuperset(needed)), "base")


def processors() -> int:
    """How many processors this process may use: by affinity, and by the cgroup's quota, at least 1."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _cgroup_processors(Path("/sys/fs/cgroup"))
    return max(1, min(allowed, math.ceil(quota))) if quota else allowed


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Installed versions, by distribution name; what is not installed is left out."""
    found: dict[str, str] = {}
    for package in packages:
        version = _version(package)
        if version is not None:
            found[package] = version
    return found


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
