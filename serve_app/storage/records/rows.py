"""Records of requests as Arrow tables: one row per row of a request."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from serve_app.core.columns import Columns
from serve_app.core.messages import Prediction
from serve_app.core.plan import Plan
from serve_app.core.record import FALLBACK
from serve_app.core.record_settings import RecordSettings, is_sampled
from serve_app.monitoring.record_block import RecordBlock, Recorded, blocks_of
from serve_app.storage.records.arrays import arrow_of, texts

KIND = "records"
FEATURE = "feature_"
CALLER = "caller"
GIVEN_SUBJECT = "given_subject"
GIVEN_TENANT = "given_tenant"
"""Whom a row is about, and for whom it was: in what gateways send, and never on a disk."""
CHOSEN = "chosen"
"""Who was chosen, where somebody else answered."""
_DEFAULT = RecordSettings()
_NAMES = pa.list_(pa.string())
_ASSIGNED = {"algorithm": pa.string(), "salt": pa.string(), "bucket": pa.int32()}
_BY_RULE = {"rule": pa.string()}


def tables_of(
    records: Iterable[Recorded],
    *,
    wall_minus_clock_s: float,
    settings: Mapping[str, RecordSettings],
) -> list[pa.Table]:
    """Records as tables, one for each endpoint, set of features and form of answers.

    `wall_minus_clock_s` makes seconds since 1970 of the records' times. What is kept of an
    endpoint stands in `settings`, by its name.
    """
    return [
        _table(part, wall_minus_clock_s, redact)
        for block in blocks_of(records, settings)
        for part, redact in _kept(block, settings.get(block.endpoint, _DEFAULT))
    ]


def _kept(
    block: RecordBlock, settings: RecordSettings
) -> Iterator[tuple[RecordBlock, frozenset[str] | None]]:
    """The parts of a block with the columns that are left out; with none where all are."""
    if block.columns is None:
        yield block, None
        return
    if settings.sample >= 1.0:
        yield block, settings.redact
        return
    names = zip(block.prediction_ids, block.request_ids, strict=True)
    sampled = np.array([is_sampled(given or own, settings.sample) for given, own in names])
    if sampled.any():
        yield block.where(sampled), settings.redact
    if not sampled.all():
        yield block.where(~sampled), None


def _table(
    block: RecordBlock, wall_minus_clock_s: float, redact: frozenset[str] | None
) -> pa.Table:
    counts, rows = block.row_counts, block.rows
    index = np.repeat(np.arange(block.requests), counts)

    def per_row(values: pa.Array) -> pa.Array:
        return values if rows == block.requests else values.take(pa.array(index))

    starts = np.repeat(np.cumsum(counts) - counts, counts)
    columns: dict[str, pa.Array] = {
        "prediction_id": per_row(texts(block.prediction_ids)),
        "row": pa.array((np.arange(rows) - starts).astype(np.int32)),
        "at_s": per_row(pa.array(wall_minus_clock_s + block.started_s)),
        "endpoint": pa.repeat(block.endpoint, rows),
        "variants": per_row(_alike(block.variants, _NAMES)),
        "outcome": per_row(_alike(block.outcomes, pa.string())),
        "request_id": per_row(texts(block.request_ids)),
        "key": pa.nulls(rows, pa.string()) if block.keys is None else texts(block.keys),
        **({} if block.segments is None else {"segments": texts(block.segments)}),
        "snapshot": per_row(_alike(block.snapshots, pa.int64())),
    }
    columns.update({name: per_row(values) for name, values in _chosen(block.plans).items()})
    cached = [bool(n) and n == of for n, of in zip(block.cached_rows, counts.tolist(), strict=True)]
    instead = _instead(block)
    if instead is not None:
        columns[CHOSEN] = per_row(instead)
    columns["fallback"] = per_row(pa.array([one == FALLBACK for one in block.outcomes]))
    columns["took_s"] = per_row(pa.array(block.took_s))
    columns["cached"] = per_row(pa.array(cached))
    if block.callers is not None:
        columns[CALLER] = per_row(texts(block.callers))
    if block.subjects is not None:
        columns[GIVEN_SUBJECT] = texts(block.subjects)
        columns[GIVEN_TENANT] = per_row(_alike(block.tenants, pa.string()))
    columns.update(_answers(block.prediction, rows))
    columns["shadows"] = _shadows(block)
    columns["features_kept"] = pa.repeat(redact is not None, rows)
    redacted: list[str] = []
    if redact is not None and block.columns is not None:
        features, redacted = _features(block.columns, redact)
        columns.update(features)
    metadata = {"kind": KIND, "endpoint": block.endpoint, "redacted": json.dumps(sorted(redacted))}
    return pa.table(columns).replace_schema_metadata(metadata)


def _alike(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Values as a column; most often they are all the same, which is quicker."""
    first = values[0]
    if values.count(first) < len(values):
        return pa.array(values, kind)
    return pa.repeat(pa.scalar(first, kind), len(values))


def _chosen(plans: Sequence[Plan | None]) -> dict[str, pa.Array]:
    """How the variants of each request were chosen."""
    requests, first = len(plans), plans[0]
    same = all(plan is first for plan in plans)
    if same:
        plans = plans[:1]
    assigned = [None if plan is None else plan.assignment for plan in plans]
    epochs = [None if plan is None else plan.epoch for plan in plans]
    shares = [None if plan is None else plan.propensity for plan in plans]
    by_rule = any(one is not None and one.rule is not None for one in assigned)
    names = {**_ASSIGNED, **_BY_RULE} if by_rule else _ASSIGNED
    columns = {
        "propensity": pa.array(shares, pa.float64()),
        **{n: pa.array([getattr(a, n, None) for a in assigned], t) for n, t in names.items()},
        "epoch": pa.array(epochs, pa.int64()),
    }
    if not same:
        return columns
    return {name: pa.repeat(values[0], requests) for name, values in columns.items()}


def _instead(block: RecordBlock) -> pa.Array | None:
    """Who was chosen of requests that somebody else answered; None where there is no such one."""
    chosen = [
        plan.variants[0]
        if plan is not None and plan.assignment is not None and one[:1] != plan.variants[:1]
        else None
        for plan, one in zip(block.plans, block.variants, strict=True)
    ]
    return None if chosen.count(None) == len(chosen) else pa.array(chosen, pa.string())


def _answers(prediction: Prediction | None, rows: int) -> dict[str, pa.Array]:
    if prediction is None:
        return {"value": pa.nulls(rows), "probabilities": pa.nulls(rows, pa.list_(pa.float64()))}
    return {"value": _values(prediction), "probabilities": _probabilities(prediction)}


def _values(prediction: Prediction) -> pa.Array:
    """Labels or numbers: text, whole numbers, floats, truths; lists of them of several outputs."""
    values = arrow_of(prediction.values)
    if pa.types.is_integer(values.type) and values.type != pa.uint64():
        return values.cast(pa.int64())
    return values.cast(pa.float64()) if pa.types.is_floating(values.type) else values


def _probabilities(prediction: Prediction) -> pa.Array:
    shares = prediction.probabilities
    if shares is None:
        return pa.nulls(len(prediction.values), pa.list_(pa.float64()))
    shares = shares.astype(np.float64)
    return arrow_of(shares.reshape(len(shares), int(np.prod(shares.shape[1:]))))


def _shadows(block: RecordBlock) -> pa.Array:
    """Per row a list of what each shadow said of it, and what became of its request there."""
    rows, shadow_count = block.rows, len(block.shadows)
    if not shadow_count:
        return pa.nulls(rows)
    index = pa.array(np.repeat(np.arange(block.requests), block.row_counts))
    parts = [
        {
            "variant": pa.repeat(shadow.version, rows),
            "outcome": _alike(shadow.outcomes, pa.string()).take(index),
            "sample": pa.array(shadow.samples).take(index),
            "took_s": pa.array(shadow.took_s, from_pandas=True).take(index),
            **_answers(shadow.prediction, rows),
        }
        for shadow in block.shadows
    ]
    joined = {name: _stacked([part[name] for part in parts]) for name in parts[0]}
    order = np.arange(rows * shadow_count).reshape(shadow_count, rows).T.reshape(-1)
    structs = pa.StructArray.from_arrays(list(joined.values()), list(joined)).take(pa.array(order))
    return pa.ListArray.from_arrays(np.arange(rows + 1, dtype=np.int32) * shadow_count, structs)


def _stacked(parts: Sequence[pa.Array]) -> pa.Array:
    kinds = {part.type for part in parts} - {pa.null()}
    if len(kinds) <= 1:
        # A shadow that gave nothing has no type of its own.
        return pa.concat_arrays([part.cast(kind) for part in parts for kind in kinds] or parts)
    return pa.concat_arrays([texts(part.to_pylist()) for part in parts])


def _features(columns: Columns, redact: frozenset[str]) -> tuple[dict[str, pa.Array], list[str]]:
    """The features by the names of their columns in the log, and the names that are left out."""
    names = columns.names
    kept = [j for j, name in enumerate(names) if name not in redact]
    block = columns.block
    arrays = columns.arrays if block is None else tuple(np.ascontiguousarray(block.T))
    features = {FEATURE + names[j]: arrow_of(arrays[j]) for j in kept}
    return features, [name for name in names if name in redact]
