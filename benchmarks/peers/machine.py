"""What machine the figures are from, without its name or paths."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import psutil


def described() -> dict[str, str | int]:
    """The machine's processor, cores, memory, kernel and Python."""
    return {
        "processor": processor(Path("/proc/cpuinfo")),
        "cores": os.cpu_count() or 1,
        "memory_gib": round(psutil.virtual_memory().total / 1024**3),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
    }


def processor(cpuinfo: Path) -> str:
    """The model of the processor, as far as the kernel says."""
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.machine()
