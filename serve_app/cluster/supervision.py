"""What is known of the process that supervises a cluster: whether it lives, and what it did."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import psutil

from serve_app.cluster.private_files import replace_private
from serve_app.errors import NotReady

END_PATIENCE_S = 5.0
Phase = Literal["watching", "restarting", "deploying"]
logger = logging.getLogger("serve_app.cluster")


@dataclass(frozen=True, slots=True)
class Supervision:
    """How a supervisor is doing.

    `pid` is its process, which began at `began_s`, in seconds since 1970. `restarts` counts how
    often it brought the cluster back since; the last time was at `last_at_s` for the reason
    `last_why`, and everything that was deployed answered again after `last_took_s`. `trouble` says
    what it tries in vain now.
    """

    pid: int
    began_s: float
    phase: Phase = "watching"
    restarts: int = 0
    last_at_s: float | None = None
    last_why: str | None = None
    last_took_s: float | None = None
    trouble: str | None = None

    @property
    def lives(self) -> bool:
        """Whether its process is still there, and not another one that has its number now."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            is_same = abs(process.create_time() - self.began_s) < 1.0
            return is_same and process.status() != psutil.STATUS_ZOMBIE
        return False


def write_supervision(path: Path, supervision: Supervision) -> None:
    """Tell those who ask how it is doing.

    Raises:
        OSError: it cannot be written.
    """
    replace_private(path, json.dumps(asdict(supervision)))


def read_supervision(path: Path) -> Supervision | None:
    """How the supervisor of a cluster is doing; none where none lives."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        supervision = Supervision(**json.loads(path.read_text()))
        return supervision if supervision.lives else None
    return None


class SupervisionFile:
    """How this process does that supervises: what it is, and a file for those who ask."""

    def __init__(self, path: Path) -> None:
        self._path = path
        own = psutil.Process(os.getpid())
        self.now = Supervision(own.pid, own.create_time())
        self.change()

    def change(self, **changes: Any) -> None:
        """Be otherwise from now on, in the file as well where it can be written."""
        self.now = replace(self.now, **changes)
        try:
            write_supervision(self._path, self.now)
        except OSError as error:
            logger.warning("nobody can be told", extra={"why": str(error)})

    def back(self, why: str, at_s: float, took_s: float, trouble: str | None = None) -> None:
        """Take note that what is supervised is back."""
        logger.warning("it is back", extra={"why": why, "took_s": took_s})
        self.change(
            phase="watching",
            restarts=self.now.restarts + 1,
            last_at_s=at_s,
            last_why=why,
            last_took_s=took_s,
            trouble=trouble,
        )


def require_unsupervised(path: Path) -> None:
    """Let pass where no other process is about to start the cluster.

    Raises:
        NotReady: one is.
    """
    supervision = read_supervision(path)
    if supervision is not None and supervision.pid != psutil.Process().pid:
        msg = (
            "the cluster does not run, and its supervisor brings it back "
            f"({supervision.trouble or supervision.last_why or 'it has just noticed'}); "
            "serve-app cluster status says how far it is, serve-app cluster stop ends both"
        )
        raise NotReady(msg)


def end_supervisors(processes: Iterable[psutil.Process]) -> int:
    """End those of a cluster's processes that would start it again; says how many there were."""
    supervisors = [process for process in processes if _supervises(process)]
    for end in (psutil.Process.terminate, psutil.Process.kill):
        for process in supervisors:
            with contextlib.suppress(psutil.Error):
                end(process)
        psutil.wait_procs(supervisors, timeout=END_PATIENCE_S)
    return len(supervisors)


def _supervises(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        words = process.cmdline()
        return any(pair == ("cluster", "supervise") for pair in pairwise(words))
    return False
