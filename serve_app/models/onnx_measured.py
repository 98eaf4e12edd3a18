"""How a graph answers batches: along which axis its rows lie, and whether they keep apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from serve_app.core.columns import Array
from serve_app.errors import InvalidInput, ModelFailed
from serve_app.models.onnx_ends import DTYPES, Graph, GraphInput, GraphOutput
from serve_app.models.onnx_rows import Feeds, GraphRows, Run

BATCHES = (1, 2, 7)
"""The numbers of rows that a graph must answer one by one, before anybody is served."""
_RELATIVE, _COARSE, _ABSOLUTE = 1e-4, 0.05, 1e-5


def measured(
    graph: Graph, inputs: Sequence[GraphInput], run: Run, rows: Feeds
) -> tuple[tuple[GraphOutput, ...], int | None]:
    """The outputs as they come out for batches of `BATCHES`, and how many rows go at once.

    `rows` holds seven of them. A graph that cannot answer several at once answers one by one.

    Raises:
        InvalidInput: it answers in neither way, or what it says of a row depends on others.
    """
    fixed = {one.batch for one in inputs if one.batch is not None}
    if len(fixed) > 1:
        sizes = ", ".join(f"{one.name}: {one.batch}" for one in inputs if one.batch is not None)
        msg = f"the inputs of the graph take different numbers of rows at once ({sizes})"
        raise InvalidInput(msg)
    together = None if fixed else _together(graph, inputs, run, rows)
    outputs: tuple[GraphOutput, ...]
    batch: int | None
    outputs, batch = together or _alone(graph, inputs, run, rows, fixed.pop() if fixed else 1)
    if batch != 1 and not _apart(run, rows, outputs, batch):
        return _alone(graph, inputs, run, rows, 1) if batch is None else (outputs, batch)
    return outputs, batch


def _together(
    graph: Graph, inputs: Sequence[GraphInput], run: Run, rows: Feeds
) -> tuple[tuple[GraphOutput, ...], None] | None:
    """The outputs of a graph that takes any number of rows; none where it does not."""
    names = [name for name, _ in graph.outputs]
    taken = []
    for count in BATCHES:
        try:
            taken.append(run(names, {name: a[:count] for name, a in rows.items()}))
        except Exception:  # noqa: BLE001 - perhaps it takes them one by one; that is tried next
            return None
    outputs: list[GraphOutput] = []
    dynamic = any(None in one.shape for one in inputs)
    for place, (name, kind) in enumerate(graph.outputs):
        group = _outputs_of(name, kind, [one[place] for one in taken], BATCHES, dynamic=dynamic)
        if group is None:
            return None
        outputs += group
    return tuple(outputs), None


def _alone(
    graph: Graph, inputs: Sequence[GraphInput], run: Run, rows: Feeds, batch: int
) -> tuple[tuple[GraphOutput, ...], int]:
    """The outputs of a graph that takes `batch` rows at once."""
    names = [name for name, _ in graph.outputs]
    places = [at % len(next(iter(rows.values()))) for at in range(batch)]
    try:
        taken = run(names, {name: a[places] for name, a in rows.items()})
    except Exception as error:
        reason = str(error).partition("\n")[0]
        msg = f"the graph does not answer the rows that it was tried on ({reason})"
        raise InvalidInput(msg) from error
    outputs: list[GraphOutput] = []
    dynamic = any(None in one.shape for one in inputs)
    for place, (name, kind) in enumerate(graph.outputs):
        group = _outputs_of(name, kind, [taken[place]], (batch,), dynamic=dynamic)
        if group is None and batch > 1:
            msg = f"the graph gives no output {name!r} of its own to each of {batch} rows"
            raise InvalidInput(msg)
        outputs += group or [_whole(name, kind, taken[place], dynamic=dynamic)]
    return tuple(outputs), batch


def _outputs_of(
    name: str, kind: str, taken: Sequence[Any], counts: Sequence[int], *, dynamic: bool
) -> list[GraphOutput] | None:
    """An output whose rows lie along one axis of each of `taken`; none where they do not."""
    if not kind.startswith("seq("):
        place = _axis([np.asarray(one) for one in taken], counts)
        return None if place is None else [_output(name, name, kind, *place, dynamic=dynamic)]
    lengths = {len(one) for one in taken}
    if len(lengths) != 1:
        return None
    length = lengths.pop()
    parts = [_axis([np.asarray(one[j]) for one in taken], counts) for j in range(length)]
    if not parts or None in parts:
        return None
    alike = {part for part in parts if part is not None}
    if len(alike) == 1:
        axis, shape = alike.pop()
        output = _output(name, name, kind, axis, (length, *shape), dynamic=dynamic)
        return [GraphOutput(output.name, output.dtype, output.shape, name, axis, "all")]
    return [
        GraphOutput(f"{name}_{j}", _dtype(kind), part[1], name, part[0], j)
        for j, part in enumerate(parts)
        if part is not None
    ]


def _axis(
    arrays: Sequence[Array], counts: Sequence[int]
) -> tuple[int, tuple[int | None, ...]] | None:
    """The first axis along which all arrays have their number of rows, and the shape of a row."""
    ranks = {array.ndim for array in arrays}
    if len(ranks) != 1:
        return None
    for axis in range(ranks.pop()):
        if all(a.shape[axis] == count for a, count in zip(arrays, counts, strict=True)):
            shapes = [a.shape[:axis] + a.shape[axis + 1 :] for a in arrays]
            sizes = [set(one) for one in zip(*shapes, strict=True)]
            return axis, tuple(one.pop() if len(one) == 1 else None for one in sizes)
    return None


def _output(
    name: str, source: str, kind: str, axis: int, shape: tuple[int | None, ...], *, dynamic: bool
) -> GraphOutput:
    # Where inputs may be of any size, outputs may be too: one look cannot tell.
    sizes = tuple(None for _ in shape) if dynamic else shape
    return GraphOutput(name, _dtype(kind), sizes, source, axis)


def _whole(name: str, kind: str, taken: Any, *, dynamic: bool) -> GraphOutput:
    """An output that is the answer to one row as a whole."""
    if kind.startswith("seq("):
        raise InvalidInput(f"the sequence {name!r} of the graph does not lie row by row")
    shape = np.asarray(taken).shape
    return GraphOutput(
        name, _dtype(kind), tuple(None for _ in shape) if dynamic else shape, name, None
    )


def _dtype(kind: str) -> str:
    plain = kind.removeprefix("seq(").removesuffix(")") if kind.startswith("seq(") else kind
    return DTYPES[plain]


def _apart(run: Run, rows: Feeds, outputs: Sequence[GraphOutput], batch: int | None) -> bool:
    """Whether rows are answered alike alone and among others.

    They are nearly alike where numbers are quantised by the range of a whole batch.

    Raises:
        InvalidInput: they are not, so that requests that are computed together would change
            each other's answers.
    """
    compute = GraphRows(run, outputs, batch)
    count = len(next(iter(rows.values())))
    try:
        together = compute(rows)
        alone = [compute({k: a[at : at + 1] for k, a in rows.items()}) for at in range(count)]
    except Exception as error:
        reason = error.message if isinstance(error, ModelFailed) else str(error).partition("\n")[0]
        msg = f"the graph does not answer every row alike: {reason}"
        raise InvalidInput(msg) from error
    apart = True
    for one in outputs:
        single = np.concatenate([part[one.name] for part in alone])
        if _differing(together[one.name], single, _RELATIVE) * 2 > count:
            apart = False
            if _differing(together[one.name], single, _COARSE) * 2 > count:
                msg = (
                    f"what the graph says of a row ({one.name!r}) depends on the rows beside it, "
                    "so that requests that are computed together would change each other's answers"
                )
                raise InvalidInput(msg)
    return apart


def _differing(together: Array, single: Array, relative: float) -> int:
    """How many rows differ by more than a part of their own size, or of the usual one."""
    if together.shape != single.shape:
        return len(together)
    if together.dtype.kind != "f":
        same = np.asarray(together == single)
    else:
        finite = np.abs(single[np.isfinite(single)])
        usual = float(np.median(finite)) if finite.size else 0.0
        absolute = max(_ABSOLUTE, relative * usual)
        same = np.isclose(together, single, rtol=relative, atol=absolute, equal_nan=True)
    return int((~same.reshape(len(together), -1).all(axis=1)).sum())


def synthetic(inputs: Sequence[GraphInput], texts: Sequence[str], size: int) -> Mapping[str, Array]:
    """Seven rows of made-up values; dimensions of any size are `size` long."""
    rng = np.random.default_rng(0)
    rows = BATCHES[-1]
    values: dict[str, Array] = {}
    for one in inputs:
        shape = (rows, *(size if dim is None else dim for dim in one.shape))
        if one.dtype == "string":
            words = np.array(list(texts) or ["a"], dtype=object)
            values[one.name] = words[rng.integers(0, len(words), size=shape)]
        elif one.dtype.startswith("float"):
            spread = np.array([0.0, 1.0, 1.0, 1.0, 5.0, 50.0, 1000.0]).reshape(
                rows, *[1] * (len(shape) - 1)
            )
            values[one.name] = (rng.normal(size=shape) * spread).astype(one.dtype)
        else:
            values[one.name] = rng.integers(0, 2, size=shape).astype(one.dtype)
    return values
