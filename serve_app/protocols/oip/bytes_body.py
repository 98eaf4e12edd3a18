"""A body of bytes alone, as Triton takes it: the one input of a model, without JSON before it.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from serve_app.core.signature import Column
from serve_app.errors import BadEncoding
from serve_app.protocols.dialect import Call
from serve_app.protocols.oip import binary, datatypes
from serve_app.protocols.oip.tensors import Tensor


def tensor(content: memoryview, call: Call) -> Tensor:
    """The tensor that bytes are: that of a graph, or one matrix of all columns.

    Numbers are as many rows as there are bytes for; where the graph leaves one size open, they
    are one row of that size. Text is one row of one text.

    Raises:
        BadEncoding: the endpoint takes several tensors, or the bytes do not say their shape.
    """
    one = _only_input(call)
    datatype = datatypes.of_column(one)
    if datatype == "BYTES":
        if set(one.shape) - {1}:
            msg = f"For BYTE datatype raw input {one.name!r}, the model must have input shape [1]"
            raise BadEncoding(f"{msg}; say in JSON which texts there are")
        return Tensor(one.name, (1, *(1 for _ in one.shape)), [_text(content)])
    shape = _shape(content, one, datatype)
    values = binary.read(content, datatype, math.prod(shape), "the body")
    return Tensor(one.name, shape, values)  # type: ignore[arg-type]


def _only_input(call: Call) -> Column:
    """The input that the bytes are of; all columns of one type are a matrix."""
    signature = call.signature
    tensors: Sequence[Column] = () if signature is None else signature.tensors
    if len(tensors) == 1:
        return tensors[0]
    if any(column.shape for column in tensors):
        msg = (
            "Raw request must only have 1 input (found 1) to be deduced but got "
            f"{len(tensors)} inputs in the model's configuration; say in JSON which are which"
        )
        raise BadEncoding(msg)
    given = call.columns
    kinds = {datatypes.of_column(column) for column in given}
    if len(kinds) != 1 or (kinds == {"BYTES"} and len(given) > 1):
        msg = (
            "a body of bytes alone is one matrix, but the columns of this endpoint are of "
            f"{', '.join(sorted(kinds)) or 'no known type'}; say in JSON which are which"
        )
        raise BadEncoding(msg, datatypes=sorted(kinds))
    width = () if kinds == {"BYTES"} else (len(given),)
    return Column(given[0].name, given[0].dtype, shape=width)


def _shape(content: memoryview, one: Column, datatype: str) -> tuple[int, ...]:
    known = math.prod(size for size in one.shape if size is not None)
    unknown = one.shape.count(None)
    if unknown > 1:
        msg = (
            f"The shape of the raw input {one.name!r} can not be deduced because there are more "
            "than one variable-sized dimension; say it in JSON"
        )
        raise BadEncoding(msg)
    row_bytes = np.dtype(one.dtype).itemsize * known
    free, rest = divmod(len(content), row_bytes) if row_bytes else (0, len(content))
    if rest:
        msg = (
            f"the body has {len(content)} bytes, but a row of {known} {datatype} takes {row_bytes}"
        )
        raise BadEncoding(msg, got=len(content), row_bytes=row_bytes)
    if not unknown:
        return (free, *_known_sizes(one))
    return (1, *(free if size is None else size for size in one.shape))


def _known_sizes(one: Column) -> tuple[int, ...]:
    """The sizes of a row that are no open ones."""
    return tuple(size for size in one.shape if size is not None)


def _text(content: memoryview) -> str:
    try:
        return str(content, "utf-8")
    except UnicodeDecodeError:
        raise BadEncoding("the body is not UTF-8, as text has to be") from None
