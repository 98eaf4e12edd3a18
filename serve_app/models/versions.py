"""Which scikit-learn a file was trained with, without loading it, and what that means here."""

from __future__ import annotations

import bz2
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import sklearn

from serve_app.errors import InvalidInput, ServeError

_SKOPS = re.compile(rb'"_sklearn_version":\s*\{[^{}]*?"content":\s*"\\"([^"\\]+)\\""')
# In a pickle the key is followed by a word or two of its own and then the value, whatever the
# protocol; every estimator has both, the first says which.
_PICKLE = re.compile(
    rb"_sklearn_version.{1,16}?(\d+(?:\.\d+)+(?:\.?(?:dev|rc|post)\d+)?)", re.DOTALL
)
_LOOKED_AT = 64 * 2**20
"""So much of an unpacked file is looked at, whatever it says that it unpacks to."""
_LZMA_MEMORY = 128 * 2**20


def _of_lzma(content: bytes) -> bytes:
    reader = lzma.LZMADecompressor(memlimit=_LZMA_MEMORY)
    return reader.decompress(content, _LOOKED_AT)


_COMPRESSED: Mapping[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": lambda content: zlib.decompressobj(31).decompress(content, _LOOKED_AT),
    b"x": lambda content: zlib.decompressobj().decompress(content, _LOOKED_AT),
    b"BZ": lambda content: bz2.BZ2Decompressor().decompress(content, _LOOKED_AT),
    b"\xfd7zXZ": _of_lzma,
    b"\x5d\x00": _of_lzma,
}


def trained_with(path: Path) -> str | None:
    """The version of scikit-learn that a file names, where it names one."""
    if not path.is_file():
        return None
    content = path.read_bytes()
    if content.startswith(b"PK"):
        return _of_skops(content)
    match = _PICKLE.search(_plain(content))
    return None if match is None else match[1].decode()


def _of_skops(content: bytes) -> str | None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file, file.open("schema.json") as schema:
            match = _SKOPS.search(schema.read(_LOOKED_AT))
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError, ValueError, EOFError):
        return None
    return None if match is None else match[1].decode()


def _plain(content: bytes) -> bytes:
    for magic, decompress in _COMPRESSED.items():
        if content.startswith(magic):
            try:
                return decompress(content)
            except Exception:  # noqa: BLE001 - what is damaged names no version
                return content
    return content


def other(trained: str | None) -> str | None:
    """What is to be said of a file from another scikit-learn; None of the same minor version."""
    if trained is None or _minor(trained) == _minor(sklearn.__version__):
        return None
    return f"trained with scikit-learn {trained}, here is {sklearn.__version__}"


def compared(holder: str, trained: str | None) -> str | None:
    """A warning about a file from another version that works here nevertheless."""
    words = other(trained)
    if words is None:
        return None
    return (
        f"{holder} was {words}: it loads and answers, but whether it answers as it did "
        f"there was not compared; {advice(trained)} to be sure"
    )


def advice(trained: str | None) -> str:
    """What helps when it does not work."""
    return f"install scikit-learn=={trained}, or train it again with {sklearn.__version__}"


@contextmanager
def version_named_first(holder: str, trained: str | None) -> Iterator[None]:
    """Let an error about a file from another scikit-learn say that before all else.

    Raises:
        InvalidInput: what is done while this is entered failed, and the file is from another
            version.
    """
    words = other(trained)
    try:
        yield
    except Exception as error:
        if words is None or words in str(error):
            raise
        why = error.message if isinstance(error, ServeError) else _reason(error)
        details = error.details if isinstance(error, ServeError) else {}
        why = why.removeprefix(f"{holder}: ").replace(f"{holder} ", "it ", 1)
        msg = f"{holder} was {words}: {why}; {advice(trained)}"
        raise InvalidInput(msg, **details) from error


def _reason(error: Exception) -> str:
    first = str(error).partition("\n")[0]
    return f"it does not work here ({type(error).__name__}: {first})"


def _minor(version: str) -> tuple[str, ...]:
    return tuple(version.split(".")[:2])
