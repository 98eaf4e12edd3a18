"""Zip files, and NumPy's arrays in them, by what their headers say and before they are unpacked.

The formats: PKWARE's APPNOTE; https://numpy.org/doc/stable/reference/generated/numpy.lib.format.
"""

from __future__ import annotations

import io
import math
import stat
import zipfile
from pathlib import PurePosixPath
from typing import IO

import numpy as np
from numpy.lib import format as npy

from serve_app.errors import InvalidInput
from serve_app.models.library_errors import reason

MAX_MEMBERS = 200_000
_FIRST = b"PK\x03\x04"
"""How a zip file with files in it begins."""
MAX_BYTES = 2**30
"""What all members of an archive may take unpacked."""
MAX_RATIO = 200
"""How many times its own size an archive may unpack to, beyond `_FREE_BYTES`."""
_FREE_BYTES = 16 * 2**20
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def check_archive(content: bytes, max_ratio: float = MAX_RATIO) -> None:
    """Let only zip files pass that unpack to a bounded number of bytes, under plain names.

    Raises:
        InvalidInput: it is another, or no zip file; says which member.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError) as error:
        raise InvalidInput(f"it is no whole zip file ({error}); store the model again") from error
    if members and not content.startswith(_FIRST):
        # Zip files are read from their end: something else, a pickle say, could stand before.
        raise InvalidInput("something stands before its first file; store the model again")
    if len(members) > MAX_MEMBERS:
        raise InvalidInput(f"it holds {len(members)} files, and may hold {MAX_MEMBERS}")
    seen: set[str] = set()
    for member in members:
        _check_member(member, seen)
    total = sum(member.file_size for member in members)
    if total > MAX_BYTES:
        msg = f"it unpacks to {total // 2**20} MiB, and may to {MAX_BYTES // 2**20} MiB"
        raise InvalidInput(msg)
    if total > _FREE_BYTES and total > max_ratio * len(content):
        msg = (
            f"it unpacks to {total // len(content)} times its own size, and may to {max_ratio} "
            "times; store the model again without compression if it is no bomb"
        )
        raise InvalidInput(msg)


def _check_member(member: zipfile.ZipInfo, seen: set[str]) -> None:
    name = member.filename
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in name or "\0" in member.orig_filename:
        raise InvalidInput(f"it holds a file named {name[:80]!r}, which leads out of it")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise InvalidInput(f"it holds the link {name[:80]!r}; a model is made of files alone")
    if name in seen:
        raise InvalidInput(f"it holds {name[:80]!r} twice; store the model again")
    seen.add(name)


def check_npz(content: bytes, max_ratio: float = MAX_RATIO) -> None:
    """Let only archives of arrays pass that are as large as their headers say, without objects.

    Raises:
        InvalidInput: it is another; says which array.
    """
    check_archive(content, max_ratio)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.infolist():
            if member.filename.endswith(".npy"):
                try:
                    with archive.open(member) as stream:
                        check_array(stream, member.file_size, member.filename)
                except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
                    msg = f"{member.filename[:80]!r} cannot be unpacked ({reason(error)})"
                    raise InvalidInput(msg) from error


def check_array(stream: IO[bytes], size: int, name: str) -> None:
    """Let only an array pass that its file holds whole; `size` is that of the file in bytes.

    Raises:
        InvalidInput: it is none, holds objects, or has another size.
    """
    try:
        version = npy.read_magic(stream)
        shape, _, dtype = _HEADERS.get(version, npy.read_array_header_2_0)(stream)
    except Exception as error:
        raise InvalidInput(
            f"{name[:80]!r} is no whole array of NumPy's ({reason(error)})"
        ) from error
    if dtype.hasobject:
        raise InvalidInput(f"{name[:80]!r} holds Python objects, which can run any code")
    wanted = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or wanted != size - stream.tell():
        msg = f"{name[:80]!r} says that it holds {wanted} bytes, and has {size - stream.tell()}"
        raise InvalidInput(msg)


def array_of(content: bytes, name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    """The array in a .npy file; raises InvalidInput as `check_array` does."""
    check_array(io.BytesIO(content), len(content), name)
    array: np.ndarray[tuple[int, ...], np.dtype[np.generic]] = np.load(
        io.BytesIO(content), allow_pickle=False
    )
    return array
