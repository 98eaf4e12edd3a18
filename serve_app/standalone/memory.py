"""How much memory a process may still take: of the machine, and of the container that it is in."""

from __future__ import annotations

from pathlib import Path

import psutil

CGROUPS = Path("/sys/fs/cgroup")
# Limit and use of the container, by version 2 and version 1 of Linux's control groups.
_FILES = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)


def available_bytes(groups: Path = CGROUPS) -> int:
    """What is left of the machine's memory, or of the container's where that is less."""
    left = int(psutil.virtual_memory().available)
    for limit, used in _FILES:
        numbers = [_number(groups / name) for name in (limit, used)]
        if numbers[0] is not None and numbers[1] is not None:
            left = min(left, max(0, numbers[0] - numbers[1]))
    return left


def _number(file: Path) -> int | None:
    """The number in a file; none where there is none, or it says `max`."""
    try:
        text = file.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None
