"""What was done, by whom: lines of a chain, on the disk before anything is done.

    <folder>/<writer>.jsonl               the chain of one writer
    <folder>/<writer>.checkpoints.jsonl   how far it was, signed; also in another folder
    <folder>/<writer>.anchors.jsonl       how far older lines went that were let go, likewise

No values stand in it: what something was before and is after stands there as digests.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from serve_app.core.disk import sync
from serve_app.errors import ConfigError, NotReady
from serve_app.security.chain import START, ChainBroken, canonical, number_of, written
from serve_app.security.checkpoints import (
    ANCHORS,
    CHAIN,
    CHECKPOINTS,
    Checkpoint,
    CheckpointDamaged,
    last_signed,
)
from serve_app.security.retention import append, cut_before, let_go

CHECKPOINT_LINES = 1000
CHECKPOINT_S = 10.0
MOST_WRITERS = 1000
RETENTION_PAUSE_S = 86_400.0
"""How often it is looked which lines are old enough to go."""
_TAIL_BYTES = 1 << 20
Result = Literal["begun", "done", "refused", "failed", "repaired"]
logger = logging.getLogger("serve_app.audit")


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Something that is about to be done, was done, or was refused.

    `actor` is who did it as far as that was proven, `object` what it was done to, `request` and
    `source` the request that asked for it and the address that this came from. `before` and
    `after` are digests of what stood and stands. Of a result, `of` is the line that began it.
    """

    action: str
    object: str
    result: Result
    actor: str
    tenant: str = ""
    request: str = ""
    source: str = ""
    before: str | None = None
    after: str | None = None
    of: int | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where checkpoints are signed and kept: a private key, and a second folder.

    Lines older than `retain_s` are let go, each day and at the start; without it, or without a
    key for anchors, they stay.
    """

    key: Any = None
    copy_to: Path | None = None
    every_s: float = CHECKPOINT_S
    every_lines: int = CHECKPOINT_LINES
    retain_s: float | None = None


class AuditLog:
    """One writer's chain in a folder; `clock` gives seconds since 1970.

    A last line that a crash tore is taken away, and a line says so. `role` begins the name of the
    writer, which no other process has at the same time.
    """

    def __init__(
        self, folder: Path, role: str, clock: Callable[[], float], keeping: Keeping | None = None
    ) -> None:
        self._keeping = keeping or Keeping()
        self._clock = clock
        self._lock = threading.Lock()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.writer, self._claim = _claimed(folder, role)
            self._file = os.open(
                folder / f"{self.writer}{CHAIN}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
            sync(folder)
            self._seq, self._hash, self._end, torn = _standing(self._file)
        except OSError as error:
            msg = f"the audit log cannot be kept in {folder}: {error.strerror or error}"
            raise ConfigError(msg) from error
        except ChainBroken as error:
            msg = (
                f"the audit log {folder / self.writer}{CHAIN} cannot be continued: its last line "
                f"{error.problem}; look at it with serve-app audit verify, and move it away"
            )
            raise ConfigError(msg) from error
        self._folder = folder
        self._signed = self._seq
        self._timer: threading.Timer | None = None
        self._retention: threading.Timer | None = None
        unsigned = self._unsigned_before()
        if torn:
            self.write(_repaired(self.writer, torn))
        if unsigned is not None:
            self.write(unsigned)
        self._plan_retention()

    def write(self, event: AuditEvent) -> int:
        """Write an event, and give its number once the disk has it.

        Raises:
            NotReady: it cannot be written; nothing of it is there.
        """
        with self._lock:
            seq = self._seq + 1
            body = {"seq": seq, "time": _iso(self._clock()), **asdict(event)}
            own, line = written(self._hash, body)
            try:
                _append(self._file, self._end, line)
            except OSError as error:
                msg = (
                    f"{event.action} is not done, since the audit log cannot be written "
                    f"({error.strerror or error}); make room for it and try again"
                )
                raise NotReady(msg) from error
            self._seq, self._hash, self._end = seq, own, self._end + len(line)
            self._plan_checkpoint()
        return seq

    def checkpoint(self) -> None:
        """Sign how far the chain is, unless that is signed already."""
        with self._lock:
            self._checkpoint()

    def let_go(self) -> None:
        """Let lines go that are old enough: its own, and those of processes that ended.

        What cannot be let go, such as lines that somebody changed, stays and is logged.
        """
        if self._keeping.retain_s is None or self._keeping.key is None:
            return
        files = [file for file in self._folder.glob(f"*{CHAIN}") if _is_chain(file)]
        for writer in sorted(file.name.removesuffix(CHAIN) for file in files):
            try:
                if writer == self.writer:
                    self._let_go_of(writer)
                    continue
                lock = _lock_of(self._folder, writer)
                if lock is not None:
                    try:
                        self._let_go_of(writer)
                    finally:
                        os.close(lock)
            except (OSError, ChainBroken, CheckpointDamaged, NotReady) as error:
                logger.error(
                    "old lines of the audit log are not let go",
                    extra={"writer": writer, "why": str(error)},
                )

    def close(self) -> None:
        """Sign how far the chain is, and let another process go on with it."""
        with self._lock:
            if self._retention is not None:
                self._retention.cancel()
            self._checkpoint()
            os.close(self._file)
            os.close(self._claim)

    def _unsigned_before(self) -> AuditEvent | None:
        """That lines stood here unsigned, where there are: the next checkpoint covers them too.

        Who ends as it should signs its last line.
        """
        keeping, last = self._keeping, self._seq
        if keeping.key is None or not last:
            return None
        signed = max(
            last_signed(folder / f"{self.writer}{CHECKPOINTS}", self.writer, keeping.key)
            for folder in filter(None, (self._folder, keeping.copy_to))
        )
        if signed >= last:
            return None
        problem = (
            f"lines {signed + 1} to {last} stood without a checkpoint of this key: the process "
            "before was killed, signed with another key or none, or somebody else wrote them"
        )
        return AuditEvent("audit", self.writer, "failed", "serve-app", problem=problem)

    def _let_go_of(self, writer: str) -> None:
        keeping = self._keeping
        now_s = self._clock()
        oldest = _iso(now_s - (keeping.retain_s or 0.0))
        cut = cut_before(self._folder, writer, oldest, keeping.key)
        if cut is None:
            return
        self.write(AuditEvent("let_go", f"{writer} up to {cut.seq}", "begun", "serve-app"))
        with self._lock:
            self._checkpoint()
            let_go(self._folder, keeping.copy_to, cut, keeping.key, now_s)
            if writer == self.writer:
                os.close(self._file)
                self._file = os.open(
                    self._folder / f"{writer}{CHAIN}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
                )
                self._end -= cut.length

    def _plan_retention(self) -> None:
        """Look now, and each day from now on, which lines are old enough to go."""
        if self._keeping.retain_s is None or self._keeping.key is None:
            return
        self.let_go()
        self._retention = threading.Timer(RETENTION_PAUSE_S, self._plan_retention)
        self._retention.daemon = True
        self._retention.start()

    def _plan_checkpoint(self) -> None:
        if self._keeping.key is None:
            return
        if self._seq - self._signed >= self._keeping.every_lines:
            self._checkpoint()
        elif self._timer is None:
            self._timer = threading.Timer(self._keeping.every_s, self.checkpoint)
            self._timer.daemon = True
            self._timer.start()

    def _checkpoint(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._keeping.key is None or self._signed == self._seq:
            return
        line = Checkpoint(self.writer, self._seq, self._hash, self._clock()).line(self._keeping.key)
        for folder in filter(None, (self._folder, self._keeping.copy_to)):
            try:
                append(folder / f"{self.writer}{CHECKPOINTS}", line)
            except OSError as error:
                # What was written stands; the next checkpoint covers it, too.
                logger.error(
                    "a checkpoint of the audit log cannot be written",
                    extra={"folder": str(folder), "why": error.strerror or str(error)},
                )
        self._signed = self._seq


def digest_of(state: Any) -> str:
    """The SHA-256 of a state in JSON's types, by which it is known again without being told."""
    return hashlib.sha256(canonical({"state": state})).hexdigest()


def _iso(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds")


def _is_chain(file: Path) -> bool:
    return not file.name.endswith((CHECKPOINTS, ANCHORS))


def _lock_of(folder: Path, writer: str) -> int | None:
    """The lock of a writer's name, held from now on; none where a living process has it."""
    lock = os.open(folder / f".{writer}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _claimed(folder: Path, role: str) -> tuple[str, int]:
    """The first writer's name that no living process has, and the lock that holds it."""
    host = socket.gethostname().partition(".")[0] or "host"
    for number in range(1, MOST_WRITERS + 1):
        name = f"{role}-{host}-{number}"
        lock = _lock_of(folder, name)
        if lock is not None:
            return name, lock
    raise OSError(f"{MOST_WRITERS} processes write there already")


def _standing(file: int) -> tuple[int, str, int, bytes]:
    """Number and hash of the last line, where it ends, and what was torn off behind it.

    Raises:
        ChainBroken: the last line is none of a chain.
    """
    size = os.fstat(file).st_size
    begin = max(0, size - _TAIL_BYTES)
    tail = os.pread(file, _TAIL_BYTES, begin)
    whole, newline, torn = tail.rpartition(b"\n")
    end = size - len(torn)
    if torn:
        os.ftruncate(file, end)
        os.fsync(file)
    if not newline:
        return 0, START, end, torn
    own, _, text = whole.rpartition(b"\n")[2].partition(b" ")
    seq = number_of(text)
    if seq is None:
        raise ChainBroken(0, "is damaged")
    return seq, own.decode("ascii", "replace"), end, torn


def _append(file: int, end: int, line: bytes) -> None:
    """Write a line at the end, on the disk or not at all."""
    try:
        done = os.pwrite(file, line, end)
        if done != len(line):
            raise OSError(f"{done} of {len(line)} bytes were written")
        os.fsync(file)
    except OSError:
        # A part of a line, or one that nobody waited for, is not to stand in the way.
        os.ftruncate(file, end)
        raise


def _repaired(writer: str, torn: bytes) -> AuditEvent:
    problem = f"a last line of {len(torn)} bytes was torn by a crash and taken away"
    digest = hashlib.sha256(torn).hexdigest()
    return AuditEvent("audit", writer, "repaired", "serve-app", before=digest, problem=problem)
