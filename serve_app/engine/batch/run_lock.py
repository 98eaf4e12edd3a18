"""Whether a process of this machine runs a job; the lock ends with the process, however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from serve_app.errors import Conflict


@contextmanager
def running(folder: Path, job: str) -> Iterator[None]:
    """Be the one process that runs a job; `folder` is that of the ledger.

    Raises:
        Conflict: another process runs it; says which.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(_file(folder, job), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(descriptor, 20).decode(errors="replace").strip() or "?"
            msg = f"{job} runs already, in process {owner}; serve-app jobs cancel {job} ends it"
            raise Conflict(msg, job=job) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def is_running(folder: Path, job: str) -> bool:
    """Whether a process of this machine runs a job."""
    with suppress(FileNotFoundError):
        descriptor = os.open(_file(folder, job), os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
    return False


def _file(folder: Path, job: str) -> Path:
    return folder / f"{job}.lock"
