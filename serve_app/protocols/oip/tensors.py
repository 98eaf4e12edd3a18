"""The input tensors of an Open Inference request, held against what they say of themselves."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping, Sequence, Set
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
import orjson

from serve_app.core.violations import shortened, value_text
from serve_app.errors import BadEncoding
from serve_app.protocols.oip import binary
from serve_app.protocols.oip.binary import Behind
from serve_app.protocols.oip.flat_data import check_size, count, flat
from serve_app.protocols.oip.tensor_limits import UNLIMITED, TensorLimits

_INT_RANGES = {
    f"{sign}INT{bits}": (0 if sign else -(2 ** (bits - 1)), 2 ** (bits - (0 if sign else 1)) - 1)
    for sign in ("", "U")
    for bits in (8, 16, 32, 64)
}
_KINDS: dict[str, frozenset[type]] = {
    "BOOL": frozenset({bool}),
    "BYTES": frozenset({str}),
    "FP32": frozenset({float, int}),
    "FP64": frozenset({float, int}),
    **dict.fromkeys(_INT_RANGES, frozenset({int})),
}
DATATYPES = frozenset(_KINDS)
"""The datatypes that JSON can carry."""
_PLAIN = {datatype: kinds | {type(None)} for datatype, kinds in _KINDS.items()}
_PART_NAMES = ("name", "shape", "datatype", "data")
_PARTS = itemgetter(*_PART_NAMES)
_MOST_SIZES = 32
_MOST = 2**63 - 1
_BINARY_ONLY = frozenset({"FP16", "BF16"})


class Tensor(NamedTuple):
    """One input: `values` are flat, row by row; the first size of `shape` is that of rows.

    Numbers that came as bytes are an array.
    """

    name: str
    shape: tuple[int, ...]
    values: Sequence[Any]

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.shape[0]

    @property
    def width(self) -> int:
        """The number of values per row."""
        return math.prod(self.shape[1:])

    def columns(self) -> list[Sequence[Any]]:
        """The values of each column."""
        if self.width == 1:
            return [self.values]
        return [self.values[start :: self.width] for start in range(self.width)]


def plain_columns(
    document: Mapping[str, Any], max_rows: float = math.inf
) -> tuple[dict[str, Sequence[Any]], int] | None:
    """The columns of a request whose inputs are one flat list each, and their number of rows.

    As most requests are: several inputs of one length with nothing special about them. None for
    all others, and for more than `max_rows`, which `read_tensors` looks at one by one; what is
    wrong, it says.
    """
    columns: dict[str, Sequence[Any]] = {}
    alike: dict[str, list[list[Any]]] = {}
    try:
        inputs = document["inputs"]
        rows = inputs[0]["shape"][0]
        if rows > max_rows:
            return None
        shapes = [rows], [rows, 1]
        for one in inputs:
            name, shape, datatype, data = _PARTS(one)
            if (
                shape not in shapes
                or len(one) != len(_PART_NAMES)
                or type(data) is not list
                or len(data) != rows
                or type(name) is not str
                # True and 1.0 equal 1, and are no sizes.
                or type(shape[0]) is not int
                or type(shape[-1]) is not int
            ):
                return None
            columns[name] = data
            if datatype in alike:
                alike[datatype].append(data)
            else:
                alike[datatype] = [data]
        if not all(_fit(datatype, datas) for datatype, datas in alike.items()):
            return None
    except (TypeError, ValueError, LookupError):
        return None
    return (columns, rows) if len(columns) == len(inputs) > 1 else None


def _fit(datatype: str, datas: Sequence[list[Any]]) -> bool:
    """Whether all values of some inputs are of their datatype."""
    kinds = set(map(type, chain.from_iterable(datas)))
    if datatype not in _INT_RANGES:
        return kinds <= _PLAIN[datatype]
    low, high = _INT_RANGES[datatype]
    return kinds == {int} and all(low <= min(data) and max(data) <= high for data in datas)


def read_tensors(
    document: Mapping[str, Any], behind: Behind | None = None, limits: TensorLimits = UNLIMITED
) -> list[Tensor]:
    """The inputs of a request; at least one. Binary ones are taken from `behind` the JSON.

    Raises:
        BadEncoding: an input lacks a key, or its data is not of its shape or datatype.
        TooLarge: one is above the limits.
    """
    inputs = document.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        msg = (
            "the body has no list 'inputs' of tensors; "
            'send {"inputs": [{"name", "shape", "datatype", "data"}, …]}'
        )
        raise BadEncoding(msg, key="inputs")
    limits.check_inputs(len(inputs))
    tensors = [_examined(body, index, behind, limits) for index, body in enumerate(inputs)]
    if behind is not None:
        behind.finish()
    return tensors


def _examined(body: Any, index: int, behind: Behind | None, limits: TensorLimits) -> Tensor:
    if not isinstance(body, dict):
        raise BadEncoding(f"inputs[{index}] must be an object, got {value_text(body)}", input=index)
    name = body.get("name")
    if not isinstance(name, str):
        raise BadEncoding(f"inputs[{index}] must have a string 'name'", input=index)
    shown = shortened(name)
    shape = checked_shape(body.get("shape"), shown)
    parameters = body.get("parameters")
    size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    data = body.get("data")
    limits.check_shape(shape, _given(size, data, behind), shown)
    if size is not None:
        if data is not None:
            msg = f"input {shown!r} has both 'data' and 'binary_data_size'; send one of them"
            raise BadEncoding(msg, input=shown)
        values = _binary(size, shape, capitals(body.get("datatype")), shown, behind)
        return Tensor(name, shape, uncoded(values, parameters, shown))
    datatype = _datatype(capitals(body.get("datatype")), shown)
    check_count(shape, datatype, shown)
    if isinstance(data, np.ndarray):
        check_size(len(data), shape, shown)
        return Tensor(name, shape, data)  # type: ignore[arg-type]
    if not isinstance(data, list):
        msg = f"input {shown!r} must have a list 'data', or a parameter 'binary_data_size'"
        raise BadEncoding(msg, input=shown)
    tensor = checked(name, shape, datatype, data)
    return tensor._replace(values=uncoded(tensor.values, parameters, shown))


def _given(size: Any, data: Any, behind: Behind | None) -> int:
    """How many values there may be: those of a list, or one per byte."""
    if type(size) is int and behind is not None:
        return min(size, behind.left)
    return len(data) if isinstance(data, list) else 0


def uncoded(values: Sequence[Any], parameters: Any, shown: str) -> Sequence[Any]:
    """Text as MLServer's codecs write it, as the values that it stands for.

    `parameters` are those of the input. Its `content_type` `base64` is text in Base64, `pd_json` a
    JSON value per cell, as for columns of mixed objects; all others change nothing.

    Raises:
        BadEncoding: a value is not coded so.
    """
    kind = parameters.get("content_type") if isinstance(parameters, Mapping) else None
    decode = _CODECS.get(kind) if isinstance(kind, str) else None
    if decode is None:
        return values
    try:
        return [decode(value) if isinstance(value, str) else value for value in values]
    except ValueError as error:
        msg = f"input {shown!r} holds a value that is not {kind}, as its content_type says"
        raise BadEncoding(msg, input=shown) from error


def _of_base64(value: str) -> str:
    return base64.b64decode(value, validate=True).decode()


_CODECS: Mapping[str, Callable[[str], Any]] = {"base64": _of_base64, "pd_json": orjson.loads}


def checked(name: str, shape: tuple[int, ...], datatype: str, data: list[Any]) -> Tensor:
    """A tensor of values of Python's, held against its shape and its datatype.

    Raises:
        BadEncoding: they do not fit.
    """
    shown = shortened(name)
    values = flat(data, shape, shown)
    _check_values(values, datatype, shown)
    return Tensor(name, shape, values)


def _binary(
    size: Any, shape: tuple[int, ...], datatype: Any, shown: str, behind: Behind | None
) -> Sequence[Any]:
    if behind is None:
        msg = (
            f"input {shown!r} is to follow the JSON as bytes, but the request has no header "
            "Inference-Header-Content-Length that says where they begin"
        )
        raise BadEncoding(msg, input=shown)
    check_datatype(datatype, binary.DATATYPES, shown)
    check_count(shape, datatype, shown)
    content = behind.take(size, shown)
    values: Sequence[Any] = binary.read(content, datatype, count(shape), shown)  # type: ignore[assignment]
    return values


def capitals(datatype: Any) -> Any:
    """A datatype in capitals, as KServe's server reads `fp32`; what is none as it is."""
    raised = datatype.upper() if isinstance(datatype, str) else datatype
    return raised if isinstance(raised, str) and raised in binary.DATATYPES else datatype


def check_datatype(datatype: Any, known: Set[str], shown: str) -> None:
    """Return when there is such a datatype.

    Raises:
        BadEncoding: there is not.
    """
    if not isinstance(datatype, str) or datatype not in known:
        listed = ", ".join(sorted(known))
        msg = f"input {shown!r}: there is no datatype {value_text(datatype)}; use {listed}"
        raise BadEncoding(msg, input=shown)


def checked_shape(shape: Any, shown: str) -> tuple[int, ...]:
    """The shape of an input: [rows], [rows, columns], or more where a graph takes tensors.

    Raises:
        BadEncoding: it is none.
    """
    sizes = shape if isinstance(shape, list) else []
    if not 0 < len(sizes) <= _MOST_SIZES or not all(
        type(size) is int and 0 <= size <= _MOST for size in sizes
    ):
        msg = f"input {shown!r}: 'shape' must be [rows] or [rows, columns]"
        raise BadEncoding(msg, input=shown)
    return tuple(sizes)


def check_count(shape: tuple[int, ...], datatype: str, shown: str) -> None:
    """Return when numbers of 64 bits can count the values of a tensor, and their bytes.

    Raises:
        BadEncoding: they cannot.
    """
    # A size of 0 makes no other size right.
    values = math.prod(size or 1 for size in shape)
    if values > _MOST:
        msg = (
            f"invalid shape for input {shown!r}: shape {list(shape)} causes total element count "
            f"to exceed maximum size of {_MOST}"
        )
        raise BadEncoding(msg, input=shown)
    item_bytes = binary.ITEM_BYTES.get(datatype, 1)
    if values * item_bytes > _MOST:
        msg = (
            f"byte size overflow for input {shown!r}: element count ({values}) * data type size "
            f"({item_bytes}) exceeds maximum allowed size ({_MOST})"
        )
        raise BadEncoding(msg, input=shown)


def _datatype(datatype: Any, shown: str) -> str:
    if isinstance(datatype, str) and datatype in _KINDS:
        return datatype
    why = " as JSON" if isinstance(datatype, str) and datatype in _BINARY_ONLY else ""
    msg = f"input {shown!r}: the datatype {value_text(datatype)} is not spoken here{why}"
    raise BadEncoding(f"{msg}; use {', '.join(_KINDS)}", input=shown)


def _check_values(values: list[Any], datatype: str, shown: str) -> None:
    """Nulls pass: whether a column takes them is the schema's business."""
    kinds = set(map(type, values)) - {type(None)}
    if not kinds <= _KINDS[datatype]:
        position = next(
            i for i, v in enumerate(values) if v is not None and type(v) not in _KINDS[datatype]
        )
        raise _misfit(values, position, datatype, shown)
    if kinds and datatype in _INT_RANGES:
        low, high = _INT_RANGES[datatype]
        for position, value in enumerate(values):
            if value is not None and not low <= value <= high:
                raise _misfit(values, position, datatype, shown)


def _misfit(values: list[Any], position: int, datatype: str, shown: str) -> BadEncoding:
    msg = (
        f"input {shown!r}: data[{position}] "
        f"is {value_text(values[position])}, which is no {datatype}"
    )
    return BadEncoding(msg, input=shown, position=position)
