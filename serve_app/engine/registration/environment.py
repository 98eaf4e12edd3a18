"""Libraries and processor of this process, as a lineage has them."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Literal

from serve_app.registry.lineage import Environment

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_ROUNDING = ("sse4_2", "avx", "fma", "f16c", "amx", "asimd", "sve", "neon")
"""How features begin that decide which kernels of BLAS and of boosting libraries run."""


def environment(process: Literal["training", "registration"]) -> Environment:
    """What is installed here, and how this machine computes.

    The process that trains calls it before it registers, with `training`.
    """
    return Environment(
        process=process,
        python=platform.python_version(),
        platform=f"{platform.system().lower()}-{platform.machine()}",
        libraries=_installed(),
        cpu_features=cpu_features(Path("/proc/cpuinfo")),
        threads=threads(os.environ),
    )


def cpu_features(file: Path) -> tuple[str, ...]:
    """The features of the processor that decide how sums are rounded; none where none are known.

    `file` is Linux's description of the processor.
    """
    try:
        lines = file.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    first = next((one for one in lines if one.partition(":")[0].strip().lower() in _FLAGS), "")
    return tuple(sorted(_deciding(first.partition(":")[2].split())))


_FLAGS = ("flags", "features")


def threads(variables: Mapping[str, str]) -> int | None:
    """How many threads numeric libraries may use: what a variable says, else the processors."""
    for name in _THREADS:
        given = variables.get(name, "")
        if given.isdecimal() and int(given) > 0:
            return int(given)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _deciding(features: Iterable[str]) -> Iterable[str]:
    return {one for one in features if one.startswith(_ROUNDING)}


def _installed() -> dict[str, str]:
    """The versions of all installed distributions, by their names in lower case."""
    versions: dict[str, str] = {}
    for one in metadata.distributions():
        # Of a damaged installation there is a folder without a name.
        name = one.metadata["Name"]
        if name:
            versions.setdefault(name.lower().replace("_", "-"), one.version)
    return dict(sorted(versions.items()))
