"""A version as one ONNX file, held against what the server answers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from serve_app.core.columns import Array, Columns, of_objects
from serve_app.core.signature import Column, Signature
from serve_app.errors import ConfigError, ModelFailed, RowsRefused
from serve_app.export.graph.builder import IR_VERSION, OPSET
from serve_app.export.graph.model import GraphModel, graph_of
from serve_app.export.place import Exported
from serve_app.export.wheel import compiled_of
from serve_app.models import parity
from serve_app.models.compiled import storage
from serve_app.models.compiled.model import CompiledModel, load_compiled
from serve_app.models.parity import Differs
from serve_app.models.probes import learned, ordinary
from serve_app.models.replay import sample_columns
from serve_app.registry.store import Registry

GRAPH = "model.onnx"
"""The file of a version that was registered as a graph."""
ROWS, BATCHES = 1_000, 10
GAPS = 0.05
"""The share of gaps in columns that may have some."""
SEED = 0


def export_onnx(registry: Registry, name: str, number: int) -> Exported:
    """The whole of a version as one ONNX graph, from its columns to labels and probabilities.

    Raises:
        NotFound: no such model or version.
        ArtifactRejected: a byte of the version has changed.
        ConfigError: it has no compiled form, a step has none in ONNX, or the graph answers
            otherwise than the server; says which.
    """
    stored = _graph_as_registered(registry, name, number)
    if stored is not None:
        return stored
    manifest, compiled = compiled_of(registry, name, number)
    program = storage.load(compiled)
    signature = manifest.signature
    try:
        content = graph_of(program, signature, manifest.reference)
    except ConfigError as error:
        msg = (
            f"{manifest.reference} cannot be an ONNX file: {error.message}; "
            f"`serve-app export wheel {manifest.reference}` takes whatever is compiled"
        )
        raise ConfigError(msg) from error
    assert manifest.sample is not None  # noqa: S101 - compiled_of refuses versions without
    sample = sample_columns(dict(manifest.sample.inputs), signature)
    words = learned(program)[1]
    batches = [*_random(signature, sample, words), *_beside(signature, sample)]
    try:
        compared = _compared(load_compiled(compiled, signature), content, signature, batches)
    except Differs as error:
        msg = f"{manifest.reference} is not exported, since its ONNX graph gives {error}"
        raise ConfigError(msg) from error
    details: dict[str, Any] = {
        "opset": OPSET,
        "ir_version": IR_VERSION,
        "compared_rows": compared.rows,
        "largest_difference": compared.largest_difference,
    }
    file_name = f"{manifest.name}-{manifest.version}.onnx"
    return Exported(file_name, content, manifest, (), details)


def _graph_as_registered(registry: Registry, name: str, number: int) -> Exported | None:
    """The file of a version that was an ONNX graph when it was registered."""
    manifest = registry.manifest(name, number)
    if manifest.flavour != "onnx":
        return None
    content = registry.files_of(manifest, only=GRAPH).files[GRAPH]
    return Exported(f"{name}-{number}.onnx", content, manifest, (), {"as_registered": True})


def _compared(
    server: CompiledModel, content: bytes, signature: Signature, batches: list[Columns]
) -> parity.Compared:
    kind = signature.output.kind
    graph: Any = GraphModel(content, signature)
    serving: Any = server
    wanted = parity.outputs(serving, kind)
    answered = [batch for batch in batches if _answers(wanted, batch)]
    if sum(batch.rows for batch in answered) < ROWS:
        raise Differs("nothing to compare: the server refuses nearly all rows that were tried")
    return parity.compare(wanted, parity.outputs(graph, kind), answered)


def _answers(wanted: parity.Computes, batch: Columns) -> bool:
    """Whether the server answers rows at all, which a graph cannot refuse."""
    try:
        wanted(batch)
    except (ModelFailed, RowsRefused):
        return False
    return True


def _beside(signature: Signature, sample: Columns) -> Iterator[Columns]:
    """The stored rows, each with one value changed to a strange one."""
    yield sample
    for batch in islice(ordinary(sample, signature.inputs, {}, SEED), BATCHES):
        # One row that is refused must not hide the others of its batch.
        for start in range(0, batch.rows, ROWS // 10):
            yield batch.slice(start, start + ROWS // 10)


def _random(signature: Signature, sample: Columns, words: tuple[str, ...]) -> Iterator[Columns]:
    rng = np.random.default_rng(SEED)
    for _ in range(BATCHES):
        arrays = {
            column.name: _values(column, array, words, rng)
            for column, array in zip(signature.inputs, sample.arrays, strict=True)
        }
        dtypes = {array.dtype for array in arrays.values()}
        if len(dtypes) == 1 and dtypes.pop().kind == "f":
            yield Columns.from_block(tuple(arrays), np.column_stack(list(arrays.values())))
        else:
            yield Columns.of(arrays)


def _values(column: Column, sample: Array, words: tuple[str, ...], rng: Any) -> Array:
    """Values of a column by chance: within what training saw, and a little beyond."""
    if sample.dtype.kind == "O" or column.categories is not None:
        choices = [*(column.categories or ()), *sample.tolist(), *_strange(column, words)]
        values = of_objects(choices)
        drawn: Array = values[rng.integers(0, len(values), ROWS)]
        return drawn if sample.dtype.kind == "O" else drawn.astype(sample.dtype)
    if sample.dtype.kind == "b":
        truth: Array = rng.integers(0, 2, ROWS).astype(bool)
        return truth
    low = float(sample.min()) if column.minimum is None else column.minimum
    high = float(sample.max()) if column.maximum is None else column.maximum
    drawn = rng.uniform(low, high, ROWS)
    if sample.dtype.kind in "iu" or column.dtype.lstrip("u").startswith("int"):
        drawn = np.rint(drawn)
    drawn = drawn.astype(sample.dtype)
    if column.nullable and drawn.dtype.kind == "f":
        drawn[rng.random(ROWS) < GAPS] = np.nan
    return drawn


def _strange(column: Column, words: tuple[str, ...]) -> list[Any]:
    if column.dtype != "string":
        return []
    return [*words, "never seen in training", *([None] if column.nullable else [])]
