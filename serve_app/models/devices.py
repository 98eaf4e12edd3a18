"""Whether there is a GPU that models can compute on."""

from __future__ import annotations

import ctypes
from typing import Literal

from serve_app.errors import ConfigError

Device = Literal["cpu", "cuda"]


def cuda_devices() -> int:
    """How many GPUs NVIDIA's driver shows to this process; Ray hides those not asked for."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


def require_cuda(version: str) -> None:
    """Return when there is a GPU.

    Raises:
        ConfigError: there is none; says what to do.
    """
    if not cuda_devices():
        msg = (
            f"{version} is to compute on `device: cuda`, but this process sees no GPU; give its "
            "deployment `ray_actor_options: {num_gpus: 1}` on a node that has one, or write "
            "`device: cpu`"
        )
        raise ConfigError(msg)
