"""Finds, measures and ends every process that a server started, however it detached them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable

import psutil

MARK_VARIABLE = "BENCH_SERVER"
TERM_PATIENCE_S = 8.0
KILL_PATIENCE_S = 8.0
MEBIBYTE = 1024 * 1024


def belonging(mark: str, sessions: Iterable[int]) -> list[psutil.Process]:
    """Living processes that carry a mark or run in one of the sessions, and all below them.

    Daemons leave the tree of who started them, and some write their title over their
    environment; a session and the parents that are left find those.
    """
    known = set(sessions)
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and _belongs(process, mark, known):
                found[process.pid] = process
    for process in list(found.values()):
        with contextlib.suppress(psutil.Error):
            found.update({child.pid: child for child in process.children(recursive=True)})
    return list(found.values())


def memory_mib(processes: Iterable[psutil.Process]) -> list[tuple[str, float]]:
    """Each process's name and the memory it holds, what it shares counted in parts (PSS)."""
    held: list[tuple[str, float]] = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            name, pss = process.name(), process.memory_full_info().pss
            held.append((name, round(pss / MEBIBYTE, 1)))
    return sorted(held, key=lambda pair: -pair[1])


def end(find: Callable[[], list[psutil.Process]]) -> list[int]:
    """Terminate, then kill; gives the ids of those that live nevertheless."""
    _signal(find(), psutil.Process.terminate, TERM_PATIENCE_S)
    _signal(find(), psutil.Process.kill, KILL_PATIENCE_S)
    return [process.pid for process in find()]


def _belongs(process: psutil.Process, mark: str, sessions: set[int]) -> bool:
    if process.status() == psutil.STATUS_ZOMBIE:
        return False
    if os.getsid(process.pid) in sessions:
        return True
    return process.environ().get(MARK_VARIABLE) == mark


def _signal(
    processes: list[psutil.Process], send: Callable[[psutil.Process], None], patience_s: float
) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            send(process)
    psutil.wait_procs(processes, timeout=patience_s)
