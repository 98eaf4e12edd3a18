"""A finished file put under its name on a local disk: whole, and by one alone."""

from __future__ import annotations

import errno
import os
import time
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING

from serve_app.core.durable import sync

if TYPE_CHECKING:
    from pathlib import Path

STALE_S = 60.0
"""After so long, who reserved a name is taken for dead: it is held for one rename."""
_POLL_S = 0.005
_NO_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF})


def temporary_beside(target: Path) -> Path:
    """A name of its own in the same folder, which readers do not take for a file of theirs."""
    return target.with_name(f".{target.name}.{uuid.uuid4().hex}")


def place(finished: Path, target: Path) -> bool:
    """Give a finished file its name; false when there is such a file already.

    Readers see the file whole or not at all, and of several who place the same one, one
    succeeds. `finished` lies in the folder of `target`, and may be gone afterwards.

    Raises:
        OSError: the file system refuses.
    """
    try:
        # A link, because it refuses to replace a file where a rename would not.
        target.hardlink_to(finished)
    except FileExistsError:
        return False
    except OSError:
        # Memory sticks, phones and many network and container file systems know no links, and
        # say so in many ways. What else is wrong, the other way finds too.
        return _renamed(finished, target)
    return True


def sync_folder(folder: Path) -> None:
    """Let what a folder lists survive a power cut, where its file system can do that."""
    try:
        sync(folder)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise


def _renamed(finished: Path, target: Path) -> bool:
    """The same without links: a rename, by whoever holds a reservation of the name."""
    reservation = target.with_name(f".{target.name}.reserved")
    while not target.exists():
        try:
            reservation.touch(exist_ok=False)
        except FileExistsError:
            _wait(reservation, finished)
            continue
        try:
            if target.exists():
                # Somebody else was done between the look and the reservation.
                return False
            finished.rename(target)
        finally:
            reservation.unlink(missing_ok=True)
        return True
    return False


def _wait(reservation: Path, clock: Path) -> None:
    """Wait for whoever holds a reservation, or end that of a dead one.

    `clock` is a file of one's own: its time is of the same clock as the reservation's.
    """
    with suppress(FileNotFoundError):
        os.utime(clock)
        if clock.stat().st_mtime - reservation.stat().st_mtime > STALE_S:
            reservation.unlink()
            return
    time.sleep(_POLL_S)
