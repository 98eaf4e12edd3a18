"""The inputs and outputs of a graph, asked for by its own names for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from serve_app.core.columns import Array, of_objects
from serve_app.core.messages import PREDICT, PREDICT_PROBA, Prediction, RawColumns
from serve_app.core.signature import Column, Output, Signature
from serve_app.core.violations import shortened
from serve_app.errors import BadEncoding
from serve_app.protocols.oip.tensors import Tensor


def of_graph(tensors: Sequence[Tensor], graph: Signature, endpoint: str = "") -> RawColumns | None:
    """The columns that tensors of a graph's own names are; none where no name is one of them.

    A matrix is several columns, a tensor of a column of tensors is that as a whole. Columns of a
    table may stand beside them under their own names.

    Raises:
        BadEncoding: a tensor has another shape than the graph takes, or not as many rows, or one
            is missing.
    """
    named = {one.name: (one, taken) for one, taken in zip(graph.tensors, graph.taken, strict=True)}
    if not any(tensor.name in named for tensor in tensors):
        return None
    if all(tensor.name in named for tensor in tensors):
        check_given([tensor.name for tensor in tensors], graph, endpoint)
    by_name: dict[str, Any] = {}
    for tensor in tensors:
        if tensor.rows != tensors[0].rows:
            msg = (
                f"input {shortened(tensor.name)!r} has {tensor.rows} rows, "
                f"but {shortened(tensors[0].name)!r} has {tensors[0].rows}"
            )
            raise BadEncoding(msg, input=shortened(tensor.name))
        one, taken = named.get(tensor.name, (Column(tensor.name, "float64"), ()))
        columns = [graph.inputs[at] for at in taken]
        parts = _parts(tensor, one, columns, endpoint)
        for name, values in parts:
            if name in by_name:
                msg = f"input {shortened(name)!r} stands twice"
                raise BadEncoding(msg, input=shortened(name))
            by_name[name] = values
    return by_name


def check_given(given: Sequence[str], graph: Signature, endpoint: str) -> None:
    """Return when all tensors that a graph needs are among those that are given.

    Raises:
        BadEncoding: some are not, said as Triton says it.
    """
    needed = {
        one.name
        for one, taken in zip(graph.tensors, graph.taken, strict=True)
        if not all(graph.inputs[at].nullable for at in taken)
    }
    missing = [one.name for one in graph.tensors if one.name in needed - set(given)]
    if not missing:
        return
    most = len(graph.tensors)
    least = len(needed)
    count = f"{most} inputs" if least == most else f"number of inputs between {least} and {most}"
    listed, absent = (
        ",".join(f"'{shortened(name)}'" for name in some) for some in (given, missing)
    )
    msg = (
        f"expected {count} but got {len(given)} inputs for model {endpoint!r}. Got input(s) "
        f"[{listed}], but missing required input(s) [{absent}]. Please provide all required "
        "input(s)."
    )
    raise BadEncoding(msg, missing=missing)


def own(signature: Signature | None) -> Output | None:
    """The output of an endpoint where a graph gave it names of its own."""
    output = None if signature is None else signature.output
    return output if output is not None and output.kind != "transform" and output.columns else None


def held(prediction: Prediction, output: Output) -> dict[str, tuple[Column, Array]]:
    """The outputs that a graph has under names of its own, each with what describes it."""
    ours: dict[str, Array | None] = {
        PREDICT: prediction.values,
        PREDICT_PROBA: prediction.probabilities,
    }
    values = {name: ours[named] for name, named in output.named}
    values.update(prediction.tensors or {})
    outputs: dict[str, tuple[Column, Array]] = {}
    for column in output.columns:
        array = values.get(column.name)
        if array is not None:
            whole = None not in column.shape
            shape = (len(array), *column.shape)
            outputs[column.name] = column, array.reshape(shape) if whole else array  # type: ignore[arg-type]
    return outputs


def _parts(
    tensor: Tensor, one: Column, columns: Sequence[Column], endpoint: str
) -> list[tuple[str, Any]]:
    """The columns that a tensor holds, by name."""
    names = [column.name for column in columns] or [tensor.name]
    if len(columns) == 1 and columns[0].shape:
        _check_shape(tensor, one, endpoint)
        return [(names[0], _array(tensor))]
    if tensor.width != len(names) or len(tensor.shape) > 2:
        raise _misfit(tensor, one, endpoint)
    return list(zip(names, tensor.columns(), strict=True))


def _check_shape(tensor: Tensor, one: Column, endpoint: str) -> None:
    sizes = tensor.shape[1:]
    if len(sizes) != len(one.shape) or any(
        wanted not in {None, size} for size, wanted in zip(sizes, one.shape, strict=True)
    ):
        raise _misfit(tensor, one, endpoint)


def _misfit(tensor: Tensor, one: Column, endpoint: str) -> BadEncoding:
    wanted = ", ".join("any" if size is None else str(size) for size in ("rows", *one.shape))
    full = ",".join("-1" if size is None else str(size) for size in (None, *one.shape))
    got = ",".join(map(str, tensor.shape))
    msg = (
        f"unexpected shape for input {shortened(tensor.name)!r} for model {endpoint!r}. "
        f"Expected [{full}], got [{got}]: the graph takes [{wanted}]"
    )
    return BadEncoding(msg, input=shortened(tensor.name))


def _array(tensor: Tensor) -> Array:
    values: Any = tensor.values
    if isinstance(values, np.ndarray):
        return values.reshape(tensor.shape)
    kinds = set(map(type, values))
    if kinds <= {int, float} or kinds == {bool}:
        try:
            return np.array(values).reshape(tensor.shape)
        except OverflowError:
            pass
    array = of_objects(values)
    return array.reshape(tensor.shape)
