"""One deploy at a time: whoever comes later waits for its turn, and hears for whom.

The lock lies with the cluster's own files, so that everything that deploys to one cluster shares
it, and the kernel frees it when its holder dies. Ray's own `serve deploy` knows nothing of it:
`superseded` notices that.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

from serve_app.cluster.node import Running
from serve_app.errors import Conflict

POLL_S = 0.1
LOCK = "changes.lock"


@dataclass(frozen=True, slots=True)
class Queue:
    """How long to wait for one's turn, and who hears for whom one waits."""

    timeout_s: float
    tell: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@contextmanager
def turn(running: Running, what: str, queue: Queue) -> Iterator[None]:
    """Keep other deploys of a cluster waiting while this one is under way.

    `what` is how they name it, such as `deploy prod.yaml`.

    Raises:
        Conflict: it did not come to its turn within `queue.timeout_s`; says whose is under way.
    """
    with (running.folder / LOCK).open("a+") as file:
        _wait(file, what, queue)
        _write(file, f"{what} (process {os.getpid()}, since {time.strftime('%H:%M:%S')})")
        try:
            yield
        finally:
            _write(file, "")


def _wait(file: TextIO, what: str, queue: Queue) -> None:
    deadline_s = queue.clock() + queue.timeout_s
    heard = ""
    while not _taken(file):
        file.seek(0)
        holder = file.read() or "another deploy"
        if queue.clock() > deadline_s:
            msg = (
                f"{what}: nothing was changed, since {holder} is still under way after "
                f"{queue.timeout_s:g} s; try again when it has ended"
            )
            raise Conflict(msg)
        if holder != heard:
            queue.tell(f"waiting for {holder}")
            heard = holder
        queue.sleep(POLL_S)


def _taken(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(file: TextIO, text: str) -> None:
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()
