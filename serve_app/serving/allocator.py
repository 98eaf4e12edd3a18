"""Keeps memory that was freed, so that the next large request finds it."""

import contextlib
import ctypes

# glibc's names and numbers, from malloc.h.
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
KEPT_BYTES = 256 * 1024 * 1024
LARGEST_BYTES = 32 * 1024 * 1024
"""The most that glibc takes for the second."""


def keep_freed() -> None:
    """Let the allocator give memory back to the system only beyond 256 MiB of it.

    By default it does after each large request, and the next one has the kernel clear all pages
    once more: of a body of 6 MB that is half the time. Other allocators than glibc's are left
    as they are.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, LARGEST_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
