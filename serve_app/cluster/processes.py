"""The processes that a cluster has started, by what the kernel keeps of each.

* A process was started with the cluster's mark in its environment, which everything that Ray
  starts inherits. The kernel keeps what a process was started with; Ray's titles would be written
  over it, but for `SPT_NOENV`.
* Its parent is such a process, whatever environment it was given itself.
* It is in the session that `ray start` led, while a marked process is in it too: a session's
  number is given to no other as long as anybody is left in it.

Arguments and open files say nothing of who started a process: an editor or a `tail -f` has them
as well. Processes are signalled through `psutil`, which compares when they started first, so that
another one that has got the same number since is left alone.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import psutil

from serve_app.cluster.environment import MARK_VARIABLE
from serve_app.errors import ServerFault

GCS = "gcs/gcs_server"
DASHBOARD = "dashboard/dashboard.py"
RAYLET = "raylet/raylet"
TERM_PATIENCE_S = 6.0
KILL_PATIENCE_S = 10.0
_KILL_ROUNDS = 3
"""What was about to start another process when it ended may have done so."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A living process: whose mark it was started with, if any, its parent and its session."""

    process: psutil.Process
    mark: str | None
    parent: int
    session: int


def belongs(process: psutil.Process, mark: str) -> bool:
    """Whether a process was started with a cluster's mark.

    Raises:
        psutil.Error: it cannot be looked at, or is gone.
        OSError: likewise.
    """
    return _mark(process) == mark


def of_cluster(mark: str, session: int) -> list[psutil.Process]:
    """Every living process of a cluster, this one excepted.

    `mark` is what the cluster's processes have in their environment, `session` the one that
    `ray start` led, 0 where that is not known.
    """
    seen = {one.process.pid: one for one in _every()}
    own = {pid for pid, one in seen.items() if one.mark == mark}
    unmarked = {pid for pid, one in seen.items() if one.mark is None}
    if session and any(seen[pid].session == session for pid in own):
        own |= {pid for pid in unmarked if seen[pid].session == session}
    while children := {pid for pid in unmarked - own if seen[pid].parent in own}:
        own |= children
    return [seen[pid].process for pid in sorted(own - {os.getpid()})]


def runs(process: psutil.Process, program: str) -> bool:
    """Whether a process that is known to be of a cluster runs a program, such as `GCS`."""
    with contextlib.suppress(psutil.Error):
        return any(part.endswith(program) for part in process.cmdline()[:4])
    return False


def end_all(living: Callable[[], Iterable[psutil.Process]], *, at_once: bool = False) -> int:
    """Ask processes to end, then end them; gives how many there were.

    `living` is asked again in between, since what ends may start something else on its way.

    Raises:
        ServerFault: some cannot be ended; says which.
    """
    known = set(living())
    count = len(known)
    polite = [] if at_once else [(psutil.Process.terminate, TERM_PATIENCE_S)]
    for end, patience_s in (*polite, *([(psutil.Process.kill, KILL_PATIENCE_S)] * _KILL_ROUNDS)):
        known.update(living())
        left = [process for process in known if lives(process)]
        if not left:
            break
        for process in left:
            with contextlib.suppress(psutil.Error):
                end(process)
        psutil.wait_procs(left, timeout=patience_s)
    remaining = sorted(process.pid for process in known.union(living()) if lives(process))
    if remaining:
        msg = f"these processes of the cluster cannot be stopped: {remaining}"
        raise ServerFault(msg)
    return count


def _every() -> Iterator[_Seen]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            parent, session = process.ppid(), os.getsid(process.pid)
            yield _Seen(process, _mark_if_readable(process), parent, session)


def _mark_if_readable(process: psutil.Process) -> str | None:
    """The mark of a process; that of another user cannot be read, and is none of ours."""
    try:
        return _mark(process)
    except (psutil.AccessDenied, PermissionError):
        return None


def _mark(process: psutil.Process) -> str | None:
    mark: str | None = process.environ().get(MARK_VARIABLE)
    return mark


def lives(process: psutil.Process) -> bool:
    """Whether a process has not ended."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
