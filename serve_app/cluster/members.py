"""The processes without which a cluster serves nobody, or cannot be steered: do they still live."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from serve_app.cluster.environment import HEAD_STORAGE_VARIABLE, REDIS_VARIABLE
from serve_app.cluster.processes import DASHBOARD, GCS, RAYLET, lives, runs
from serve_app.core.ports import Clock

CONTROLLER = "ray::ServeController"
STOPPED_S = 10.0
"""A process that stands still for so long counts as one that has died."""
HEAD = "Ray's head (GCS)"
RAYS_RAYLET = "Ray's raylet"
VITAL: Mapping[str, str] = {HEAD: GCS, RAYS_RAYLET: RAYLET}
"""What nobody starts again and nothing goes on without, by what it is called."""
Listing = Callable[[], Iterable[psutil.Process]]


@dataclass(frozen=True, slots=True)
class Origin:
    """How a process was started, so that another one may be started in its place."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: str

    @classmethod
    def of(cls, process: psutil.Process) -> Origin:
        """What a process was started with.

        Raises:
            psutil.Error: it is gone, or cannot be looked at.
        """
        return cls(tuple(process.cmdline()), process.environ(), process.cwd())

    def start(self) -> subprocess.Popen[bytes]:
        """Start the same once more, in a session of its own.

        Raises:
            OSError: it cannot be started.
        """
        folder = self.folder if Path(self.folder).is_dir() else os.sep
        return subprocess.Popen(  # noqa: S603 - the command that Ray itself ran
            self.command,
            env=dict(self.environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


class Member:
    """One process of a cluster, found among all of them and then looked at alone.

    To look at one process costs microseconds; to look for it among all of a machine's, 10 ms.
    """

    def __init__(self, program: str, listing: Listing, *, clock: Clock) -> None:
        self._program = program
        self._listing = listing
        self._clock = clock
        self._process: psutil.Process | None = None
        self._still_since_s: float | None = None
        self.origin: Origin | None = None

    @property
    def process(self) -> psutil.Process | None:
        """The process as it was found last; none where there was none yet."""
        return self._process

    def lives(self) -> bool:
        """Whether it is there, and has not stood still for long."""
        if self._process is None or not lives(self._process):
            self._process = self._running()
            self._still_since_s = None
        return self._process is not None and not self._stands_still(self._process)

    def forget(self) -> None:
        """Begin anew, once another cluster has been started."""
        self._process = None
        self._still_since_s = None

    def _running(self) -> psutil.Process | None:
        for process in self._listing():
            if self._is_it(process):
                with contextlib.suppress(psutil.Error):
                    self.origin = Origin.of(process)
                    return process
        return None

    def _is_it(self, process: psutil.Process) -> bool:
        if runs(process, self._program):
            return True
        with contextlib.suppress(psutil.Error):
            # Ray's actors have a title in place of a command.
            return " ".join(process.cmdline()).startswith(self._program)
        return False

    def _stands_still(self, process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.Error):
            if process.status() not in {psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP}:
                self._still_since_s = None
                return False
        now_s = self._clock()
        if self._still_since_s is None:
            self._still_since_s = now_s
        return now_s - self._still_since_s >= STOPPED_S


class Members:
    """Those of one cluster: `vital` by what they are called, its dashboard, its controller."""

    def __init__(self, listing: Listing, *, clock: Clock) -> None:
        self.vital = {name: Member(what, listing, clock=clock) for name, what in VITAL.items()}
        self.dashboard = Member(DASHBOARD, listing, clock=clock)
        self.controller = Member(CONTROLLER, listing, clock=clock)

    @property
    def head_that_returns(self) -> Origin | None:
        """How to start the head again alone; none where what it knew is gone with it."""
        origin = self.vital[HEAD].origin
        if origin is None:
            return None
        known = origin.environment
        kept = known.get(HEAD_STORAGE_VARIABLE) == "rocksdb" or known.get(REDIS_VARIABLE)
        return origin if kept else None

    def missing(self) -> str | None:
        """The first vital one that does not live; none where all do."""
        return next((name for name, one in self.vital.items() if not one.lives()), None)

    def forget(self) -> None:
        """Begin anew, once another cluster has been started."""
        for one in (*self.vital.values(), self.dashboard, self.controller):
            one.forget()
