"""A finished file put under its name on a local disk: whole, and by one alone."""

from __future__ import annotations

import errno
import os
import time
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

STALE_S = 60.0
"""After so long, who reserved a name is taken for dead: it is held for one rename."""
_POLL_S = 0.005
_HELD = frozenset({errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR})
"""Somebody holds the name: with a folder, or with a file as releases before this one do."""


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


def _renamed(finished: Path, target: Path) -> bool:
    """The same without links: a rename out of a folder that holds the name, with the file in it.

    A folder replaces no other one that has something in it, so one alone holds the name, and the
    file gets there only out of the folder that holds it. Who is taken for dead loses exactly the
    file that was looked at, which then lies where it did before: whoever comes back finds nothing
    to rename, and nothing that another holds meanwhile is touched.
    """
    reservation = target.with_name(f".{target.name}.reserved")
    while not target.exists():
        if not _reserve(finished, reservation):
            _wait(reservation, finished)
            continue
        held = reservation / finished.name
        try:
            if target.exists():
                # Somebody else was done between the look and the reservation.
                held.rename(finished)
                return False
            held.rename(target)
        except FileNotFoundError:
            # Taken for dead. Where it is the folder that is gone, the next turn says so.
            continue
        except OSError:
            held.rename(finished)
            raise
        finally:
            with suppress(OSError):
                # Of another one that holds the name by now, it is not empty.
                reservation.rmdir()
        return True
    return False


def _reserve(finished: Path, reservation: Path) -> bool:
    """Hold the name with a file; false where somebody else does, and the file lies as before."""
    own = temporary_beside(reservation)
    own.mkdir()
    try:
        os.utime(finished)
        finished.rename(own / finished.name)
        try:
            own.rename(reservation)
        except OSError as error:
            (own / finished.name).rename(finished)
            if error.errno not in _HELD:
                raise
            return False
    finally:
        with suppress(OSError):
            own.rmdir()
    return True


def _wait(reservation: Path, clock: Path) -> None:
    """Wait for whoever holds a reservation, or take its file from a dead one.

    `clock` is a file of one's own: its time is of the same clock as the reservation's.
    """
    with suppress(FileNotFoundError, NotADirectoryError):
        os.utime(clock)
        now_s = clock.stat().st_mtime
        # A file is the reservation of a release before this one.
        if reservation.is_file() and now_s - reservation.stat().st_mtime > STALE_S:
            reservation.unlink()
            return
        for held in reservation.iterdir():
            if now_s - held.stat().st_mtime > STALE_S:
                held.rename(clock.with_name(held.name))
                return
    time.sleep(_POLL_S)
