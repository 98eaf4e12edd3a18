"""Recorded rows that were shown to shadows, beside what was answered."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from serve_app.errors import InvalidInput
from serve_app.monitoring.paired_rows import PairedRows, Side
from serve_app.storage.records.arrays import objects_of
from serve_app.storage.records.files import Files
from serve_app.storage.records.reader import Query, query

_COLUMNS = (
    "at_s", "prediction_id", "row", "variants", "outcome", "took_s", "value", "probabilities",
    "shadows",
)  # fmt: skip
_SEGMENTS = "segments"


@dataclass(frozen=True, slots=True, eq=False)
class ShadowRows:
    """Some rows at one shadow; `answered_by` and `segments` have a value for each of them."""

    version: str
    pairs: PairedRows
    answered_by: tuple[str, ...]
    segments: tuple[Mapping[str, str], ...]


def shadow_rows(files: Files, wanted: Query) -> Iterator[ShadowRows]:
    """The rows that a query wants and that were to be shown to shadows, by shadow.

    Raises:
        RecordsFailed: the log cannot be read.
    """
    try:
        batches = query(files, replace(wanted, columns=(*_COLUMNS, _SEGMENTS)))
    except InvalidInput:
        # Nothing of that time has segments, or there is nothing at all.
        batches = query(files, replace(wanted, columns=_COLUMNS))
    for batch in batches:
        lists = batch.column("shadows")
        if pa.types.is_list(lists.type):
            yield from _by_shadow(batch.filter(pc.is_valid(lists)))


def _by_shadow(batch: pa.RecordBatch) -> Iterator[ShadowRows]:
    lists = batch.column("shadows")
    shown, parents = pc.list_flatten(lists), pc.list_parent_indices(lists)
    versions = shown.field("variant")
    for version in pc.unique(versions).to_pylist():
        mask = pc.equal(versions, version)
        at_shadow = pa.RecordBatch.from_struct_array(shown.filter(mask))
        answered = batch.take(parents.filter(mask))
        yield ShadowRows(
            version,
            PairedRows(
                objects_of(answered.column("prediction_id")),
                answered.column("row").to_numpy(zero_copy_only=False).astype(np.int64),
                _side(answered),
                _side(at_shadow),
            ),
            tuple("+".join(names or ()) for names in answered.column("variants").to_pylist()),
            _segments(answered),
        )


def _side(batch: pa.RecordBatch) -> Side:
    return Side(
        objects_of(batch.column("outcome")),
        np.array(batch.column("took_s").to_pylist(), dtype=np.float64),
        objects_of(batch.column("value")),
        _probabilities(batch.column("probabilities")),
    )


def _probabilities(lists: pa.Array) -> NDArray[np.float64]:
    """One row for each, as wide as the widest; NaN where there is none."""
    if not pa.types.is_list(lists.type):
        return np.full((len(lists), 0), np.nan)
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    width = int(lengths.max(initial=0))
    made = np.full((len(lists), width), np.nan)
    whole = lengths == width
    numbers = pc.list_flatten(lists.filter(pa.array(whole)))
    if width:
        made[whole] = numbers.to_numpy(zero_copy_only=False).reshape(-1, width)
    return made


def _segments(batch: pa.RecordBatch) -> tuple[Mapping[str, str], ...]:
    if _SEGMENTS not in batch.schema.names:
        return tuple({} for _ in range(batch.num_rows))
    texts = batch.column(_SEGMENTS).to_pylist()
    read: dict[str | None, Mapping[str, str]] = {
        text: {} if text is None else json.loads(text) for text in set(texts)
    }
    return tuple(read[text] for text in texts)
