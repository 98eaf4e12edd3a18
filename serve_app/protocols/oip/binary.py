"""The binary tensor extension of the Open Inference Protocol: little-endian bytes behind the JSON.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from serve_app.core.columns import Array
from serve_app.errors import BadEncoding

HEADER = "inference-header-content-length"
_DTYPES = {
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
    **{f"{sign}INT{bits}": f"<{sign.lower() or 'i'}{bits // 8}" for sign in ("", "U")
       for bits in (8, 16, 32, 64)},
}  # fmt: skip
DATATYPES = frozenset({*_DTYPES, "BOOL", "BYTES", "BF16"})
ITEM_BYTES = {"BF16": 2, **{name: np.dtype(dtype).itemsize for name, dtype in _DTYPES.items()}}
"""How many bytes a value takes, by its datatype, where that is more than one."""
_LENGTH = struct.Struct("<I")


def split(body: bytes, header: str) -> tuple[bytes, memoryview]:
    """The JSON of a body and the bytes behind it; `header` says how long the JSON is.

    Raises:
        BadEncoding: the header is no such number, or lies.
    """
    if not is_length(header, body):
        msg = (
            f"the header Inference-Header-Content-Length is {header[:40]!r}; it must be the length "
            f"of the JSON at the start of the body, which has {len(body)} bytes"
        )
        raise BadEncoding(msg, body_bytes=len(body))
    length = int(header)
    return body[:length], memoryview(body)[length:]


def is_length(text: str, body: bytes) -> bool:
    """Whether a text is a number of bytes that a body has."""
    return text.isascii() and text.isdigit() and len(text) < 11 and int(text) <= len(body)


class Behind:
    """The bytes behind the JSON, which tensors take one after the other."""

    def __init__(self, content: memoryview) -> None:
        self._content = content
        self._at = 0

    @property
    def left(self) -> int:
        """How many bytes nobody took yet."""
        return len(self._content) - self._at

    def take(self, size: Any, shown: str) -> memoryview:
        """The next bytes, for the input called `shown`.

        Raises:
            BadEncoding: so many are not there.
        """
        if type(size) is not int or size < 0:
            msg = f"input {shown!r}: 'binary_data_size' must be a number of bytes"
            raise BadEncoding(msg, input=shown)
        left = self.left
        if size > left:
            msg = f"input {shown!r}: 'binary_data_size' is {size}, but {left} bytes are left"
            raise BadEncoding(msg, input=shown, expected=size, got=left)
        self._at += size
        return self._content[self._at - size : self._at]

    def finish(self) -> None:
        """Return when all was taken.

        Raises:
            BadEncoding: some bytes belong to no input.
        """
        left = self.left
        if left:
            msg = f"unexpected additional input data: {left} bytes belong to no input"
            raise BadEncoding(msg, extra_bytes=left)


def read(content: memoryview, datatype: str, count: int, shown: str) -> Array | list[str]:
    """The values of a tensor of `count` elements; text is a list.

    Raises:
        BadEncoding: the bytes are not so many values of the datatype.
    """
    if datatype == "BYTES":
        return _read_texts(content, count, shown)
    if datatype == "BOOL":
        flags = _numbers(content, np.dtype("u1"), datatype, count, shown)
        if flags.size and int(flags.max()) > 1:
            raise BadEncoding(f"input {shown!r}: a BOOL is a byte of 0 or 1", input=shown)
        return flags.astype(np.bool_)
    if datatype == "BF16":
        halves = _numbers(content, np.dtype("<u2"), datatype, count, shown)
        return (halves.astype("<u4") << 16).view("<f4")
    return _numbers(content, np.dtype(_DTYPES[datatype]), datatype, count, shown)


def write(values: Array) -> tuple[str, bytes]:
    """The datatype and the bytes of an output; floats are FP64 and integers INT64."""
    kind = values.dtype.kind
    if kind == "b":
        return "BOOL", values.astype("u1").tobytes()
    if kind in "iu":
        return "INT64", values.astype("<i8").tobytes()
    if kind == "f":
        return "FP64", values.astype("<f8").tobytes()
    return "BYTES", write_texts(values.reshape(-1).tolist())


def write_as(values: Array, dtype: str) -> bytes:
    """The bytes of values in a dtype of their own."""
    if dtype == "string":
        return write_texts(values.reshape(-1).tolist())
    wanted = np.dtype("u1") if dtype == "bool" else np.dtype(dtype).newbyteorder("<")
    return values.astype(wanted).tobytes()


def write_texts(texts: Sequence[Any]) -> bytes:
    """Texts, each behind its length."""
    parts: list[bytes] = []
    for text in texts:
        encoded = str(text).encode()
        parts += (_LENGTH.pack(len(encoded)), encoded)
    return b"".join(parts)


def _numbers(
    content: memoryview, dtype: np.dtype[Any], datatype: str, count: int, shown: str
) -> Array:
    if len(content) != count * dtype.itemsize:
        msg = (
            f"input {shown!r} has {len(content)} bytes, but {count} values of {datatype} take "
            f"{count * dtype.itemsize}"
        )
        raise BadEncoding(msg, input=shown, expected=count * dtype.itemsize, got=len(content))
    return np.frombuffer(content, dtype)


def _read_texts(content: memoryview, count: int, shown: str) -> list[str]:
    texts: list[str] = []
    at, end = 0, len(content)
    while at < end:
        start = at + _LENGTH.size
        stop = start + _LENGTH.unpack_from(content, at)[0] if start <= end else end + 1
        if stop > end:
            msg = f"input {shown!r}: element {len(texts)} ends behind the end of its tensor"
            raise BadEncoding(msg, input=shown, position=len(texts))
        try:
            texts.append(str(content[start:stop], "utf-8"))
        except UnicodeDecodeError:
            msg = f"input {shown!r}: element {len(texts)} is not UTF-8"
            raise BadEncoding(msg, input=shown, position=len(texts)) from None
        at = stop
    if len(texts) != count:
        msg = f"input {shown!r} holds {len(texts)} texts, but its shape needs {count}"
        raise BadEncoding(msg, input=shown, expected=count, got=len(texts))
    return texts
