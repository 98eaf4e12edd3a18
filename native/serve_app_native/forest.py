"""Forests of decision trees that the C library computes; calls of many rows release the GIL."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_ABI = 2
_LIBRARY = "libserve_app_native.so"
_REASONS = {
    1: "there is not enough memory",
    2: "they are too many, or none",
    3: "a child or a root is no node",
    4: "a node is reached twice, so that walks may not end",
    5: "a node asks for a column that rows do not have",
    6: "a leaf has no value",
    7: "a tree adds to an output that there is not",
    8: "a threshold is NaN",
    9: "a walk takes more steps than trees have here",
    10: "a set is one of codes of a column that rows do not have",
    11: "a node asks of a set something else than whether a code is in it",
}
_UNSUITED = frozenset({1, 2, 8, 9, 11})


class Refused(ValueError):
    """Trees that nobody could walk; the message says why."""


class Unsuited(ValueError):
    """Trees that hold together, and that somebody else has to walk; the message says why."""


class Kind(IntEnum):
    """What is computed of the leaves: sums in float32 or in float64, or a number per tree."""

    FLOAT_SUMS = 0
    DOUBLE_SUMS = 1
    LEAVES = 2


class Method(IntEnum):
    """How many rows are computed: as is faster, along the trees, or in blocks where possible."""

    FASTER = 0
    WALKS = 1
    BLOCKS = 2


@dataclass(frozen=True, slots=True)
class Sets:
    """Sets of codes of categories: `feature` is the column of each set's codes.

    `inside` has shape (sets, codes), uint8: whether a code is in a set, or 2 where it is a gap.
    """

    feature: Array
    inside: Array


@dataclass(frozen=True, slots=True)
class Nodes:
    """Trees as arrays with an entry per node of all trees; a leaf has `left` -1.

    A row goes left where its value of `feature` is at most `threshold` (below it, where `below`
    says so), or is NaN and `gap_left` says so. `leaf` says which row of values a leaf holds,
    `root` where each tree begins. The dtype of `threshold` is that of the rows (float32 or
    float64), which are `columns` wide. Features from `columns` on are those of `sets`: 1 for a
    number whose integer part is in the set, a gap for a gap, and 0 for all others.
    """

    feature: Array
    threshold: Array
    left: Array
    right: Array
    gap_left: Array
    leaf: Array
    root: Array
    below: bool
    columns: int
    sets: Sets | None = None


_COMPUTE = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)
_C_NUMBERS: dict[str, Any] = {"f": ctypes.c_float, "d": ctypes.c_double, "i": ctypes.c_int32}
_QUICK_TREES = 2_000
"""Up to so many trees one row takes less than others wait for the interpreter to come round."""
_NO_SETS = Sets(np.zeros(0, np.int32), np.zeros((0, 0), np.uint8))


class _Spec(ctypes.Structure):
    _fields_ = [
        *(
            (name, ctypes.c_int64)
            for name in ("nodes", "trees", "columns", "outputs", "leaves", "sets", "codes")
        ),
        *(
            (name, ctypes.c_void_p)
            for name in (
                "feature", "threshold", "left", "right", "gap_left", "leaf", "root",
                "set_feature", "inside", "output", "values", "start",
            )
        ),
        ("divisor", ctypes.c_double),
        *((name, ctypes.c_int32) for name in ("is_double", "below", "kind", "method")),
    ]  # fmt: skip


def _loaded() -> ctypes.CDLL:
    library = ctypes.CDLL(str(Path(__file__).with_name(_LIBRARY)))
    library.sn_abi.restype = ctypes.c_int32
    if library.sn_abi() != _ABI:
        msg = f"{_LIBRARY} is of another build than the modules beside it; install it again"
        raise ImportError(msg)
    library.sn_new.restype = ctypes.c_void_p
    library.sn_new.argtypes = [ctypes.POINTER(_Spec), ctypes.POINTER(ctypes.c_int32)]
    library.sn_free.restype, library.sn_free.argtypes = None, [ctypes.c_void_p]
    library.sn_blocked.restype, library.sn_blocked.argtypes = ctypes.c_int64, [ctypes.c_void_p]
    library.sn_compute.restype, library.sn_compute.argtypes = ctypes.c_int32, _COMPUTE
    library.sn_instructions.restype = ctypes.c_char_p
    library.sn_choose_instructions.restype = ctypes.c_int32
    library.sn_choose_instructions.argtypes = [ctypes.c_char_p]
    return library


def _holding() -> Any:
    """The same function in calls that keep the interpreter's lock."""
    compute = ctypes.PyDLL(str(Path(__file__).with_name(_LIBRARY))).sn_compute
    compute.restype, compute.argtypes = ctypes.c_int32, _COMPUTE
    return compute


_C = _loaded()
_COMPUTE_HOLDING = _holding()


def instructions() -> str:
    """Which instructions blocks of rows are computed with: avx2 or portable."""
    name: bytes = _C.sn_instructions()
    return name.decode()


def choose_instructions(name: str) -> bool:
    """Compute with these from now on; False where this processor does not have them."""
    return bool(_C.sn_choose_instructions(name.encode()))


class Forest:
    """Decision trees ready to be computed; they were looked at, and every walk in them ends.

    Rows are computed in the thread that asks, which holds no lock meanwhile, but for one row of
    few trees.
    """

    def __init__(
        self,
        nodes: Nodes,
        values: Array,
        *,
        output: Array | None = None,
        start: Array | None = None,
        divisor: float | None = None,
        method: Method = Method.FASTER,
    ) -> None:
        """Lay out the trees.

        `values` has shape (leaves,), or (leaves, outputs) where each leaf holds a number for
        each output; `output` says otherwise to which one each tree adds. Sums begin with `start`
        (shape (outputs,), of the dtype of `values`: float32 or float64), go through the trees in
        their order, and are divided by `divisor` at the end. Without `start`, `values` are int32
        and rows get those of their leaves, tree by tree.

        Raises:
            Refused: a child, a leaf, a column or an output is not there, or walks may not end.
            Unsuited: there are too many, they are too deep, a threshold is NaN, or a set is asked
                something else than whether a code is in it.
        """
        double = nodes.threshold.dtype == np.float64
        self.dtype = np.dtype(np.float64 if double else np.float32)
        self.width = nodes.columns
        trees = len(nodes.root)
        self.outputs = trees if start is None else len(start)
        self.sum_dtype = np.dtype(np.int32) if start is None else start.dtype
        each = values.ndim == 2 and self.outputs > 1
        sets = _NO_SETS if nodes.sets is None else nodes.sets
        given = {
            "feature": _of(nodes.feature, np.int32),
            "threshold": _of(nodes.threshold, self.dtype),
            "left": _of(nodes.left, np.int32),
            "right": _of(nodes.right, np.int32),
            "gap_left": _of(nodes.gap_left, np.uint8),
            "leaf": _of(nodes.leaf, np.int32),
            "root": _of(nodes.root, np.int32),
            "set_feature": _of(sets.feature, np.int32),
            "inside": _of(sets.inside, np.uint8),
            "output": _of(
                np.full(trees, -1 if each else 0) if output is None or each else output, np.int32
            ),
            "values": _of(values, self.sum_dtype),
            "start": _of(np.zeros(1, np.int32) if start is None else start, self.sum_dtype),
        }
        _check(given, trees, self.outputs if each else 1)
        kinds = {"f": Kind.FLOAT_SUMS, "d": Kind.DOUBLE_SUMS, "i": Kind.LEAVES}
        spec = _Spec(
            nodes=len(nodes.left),
            trees=trees,
            columns=nodes.columns,
            outputs=self.outputs,
            leaves=len(values),
            sets=len(sets.feature),
            codes=sets.inside.shape[-1],
            divisor=divisor or 0.0,
            is_double=double,
            below=nodes.below,
            kind=kinds[self.sum_dtype.char],
            method=method,
            **{name: array.ctypes.data for name, array in given.items()},
        )
        status = ctypes.c_int32()
        self._forest = _C.sn_new(ctypes.byref(spec), ctypes.byref(status))
        if not self._forest:
            msg = f"the trees cannot be walked: {_REASONS[status.value]}"
            raise (Unsuited if status.value in _UNSUITED else Refused)(msg)
        self._pack = struct.Struct(f"{self.width}{self.dtype.char}").pack
        self._sums = _C_NUMBERS[self.sum_dtype.char] * self.outputs
        # Giving the lock away and asking for it again costs a short walk more than it gives.
        self._compute = _COMPUTE_HOLDING if trees <= _QUICK_TREES else _C.sn_compute

    def __del__(self) -> None:
        if getattr(self, "_forest", None):
            _C.sn_free(self._forest)

    @property
    def blocked(self) -> int:
        """Of how many trees all questions are answered at once, for blocks of rows."""
        return int(_C.sn_blocked(self._forest))

    def __call__(self, x: Array) -> Array:
        """The sums of rows of shape (rows, columns): (rows, outputs), or (rows, trees).

        Raises:
            ValueError: the rows have another shape.
            MemoryError: there is not enough memory.
        """
        rows = np.ascontiguousarray(x, self.dtype)
        if rows.ndim != 2 or rows.shape[1] != self.width:
            msg = f"rows of {self.width} columns are wanted, not the shape {rows.shape}"
            raise ValueError(msg)
        if not rows.flags.aligned:
            rows = rows.copy()
        count = rows.shape[0]
        out = np.empty((count, self.outputs), self.sum_dtype)
        if _C.sn_compute(self._forest, _address(rows), count, _address(out)):
            raise MemoryError
        return out

    def row(self, numbers: Sequence[float]) -> list[float]:
        """The sums of one row of Python's own numbers, which are rounded to `dtype`.

        Raises:
            struct.error: the row is of another width.
            MemoryError: there is not enough memory.
        """
        given, sums = self._pack(*numbers), self._sums()
        if self._compute(self._forest, given, 1, sums):
            raise MemoryError
        own: list[float] = sums[:]
        return own


def _address(array: Array) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _of(array: Array, dtype: npt.DTypeLike) -> Array:
    """The array as the library reads it; numbers that do not fit become ones that are refused."""
    wanted = np.dtype(dtype)
    if array.dtype.kind in "iu" and wanted == np.int32:
        array = np.where((array < -1) | (array > np.iinfo(np.int32).max), -2, array)
    return np.ascontiguousarray(array, wanted)


def _check(given: dict[str, Array], trees: int, width: int) -> None:
    """Refuse arrays of other lengths than the library will read."""
    count = len(given["left"])
    for name in (field.name for field in fields(Nodes)):
        if name in given and name != "root" and given[name].shape != (count,):
            raise Refused(f"the trees cannot be walked: {name} has not an entry per node")
    inside, sets = given["inside"], given["set_feature"]
    if sets.ndim != 1 or inside.ndim != 2 or len(inside) != len(sets):
        raise Refused("the trees cannot be walked: sets have not a column each")
    if given["output"].shape != (trees,):
        raise Refused("the trees cannot be walked: not every tree has an output")
    values = given["values"]
    if values.size != len(values) * width:
        raise Refused("the trees cannot be walked: values are of another width")
