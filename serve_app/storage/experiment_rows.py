"""Recorded requests that were given a variant by chance, as experiments count them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from serve_app.core.record import ANSWERED, CANCELLED
from serve_app.errors import ClientError, InvalidInput, Overloaded
from serve_app.monitoring.experiment.exposures import Exposures, Floats
from serve_app.routing.gates import IN_NONE
from serve_app.storage.records.arrays import objects_of
from serve_app.storage.records.files import Files
from serve_app.storage.records.reader import Query, query
from serve_app.storage.records.rows import CHOSEN, FEATURE

_COLUMNS = (
    "at_s", "prediction_id", "request_id", "row", "variants", "outcome", "took_s", "key",
    "algorithm", "epoch", "propensity",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Compared:
    """Which variants are compared, and the column of numbers that is known from before, if any."""

    variants: Sequence[str]
    covariate: str | None = None


def exposures(files: Files, wanted: Query, compared: Compared) -> Iterator[Exposures]:
    """The rows that a query wants, batch by batch.

    Requests do not count that named a version, that were invalid or refused as too many, that came
    from subjects outside of the experiment, or that could not have been given another variant.

    Raises:
        RecordsFailed: the log cannot be read.
    """
    places = {name: place for place, name in enumerate(compared.variants)}
    for batch in _batches(files, wanted, compared):
        made = _exposures(batch, places, compared.covariate)
        if len(made):
            yield made


def subjects_of(files: Files, wanted: Query) -> dict[str, str]:
    """Whose each prediction was that a query wants, by its id; those of nobody are left out.

    Raises:
        RecordsFailed: the log cannot be read.
    """
    subjects: dict[str, str] = {}
    try:
        for batch in query(files, replace(wanted, columns=("prediction_id", "key"))):
            columns = (batch.column(name).to_pylist() for name in ("prediction_id", "key"))
            subjects.update(
                (name, key) for name, key in zip(*columns, strict=True) if name and key is not None
            )
    except InvalidInput:
        # There is nothing of that time, or nobody had a key.
        return {}
    return subjects


def _batches(files: Files, wanted: Query, compared: Compared) -> Iterator[pa.RecordBatch]:
    feature = () if compared.covariate is None else (f"{FEATURE}{compared.covariate}",)
    for more in ((CHOSEN, *feature), feature, (CHOSEN,), ()):
        try:
            batches = query(files, replace(wanted, columns=(*_COLUMNS, *more)))
        except InvalidInput:
            # Nothing of that time has such a column, or there is nothing at all.
            continue
        yield from batches
        return


def _exposures(
    batch: pa.RecordBatch, places: Mapping[str, int], covariate: str | None
) -> Exposures:
    variants = batch.column("variants").to_pylist()
    answering = np.array([places.get(one[0], -1) if one else -1 for one in variants], np.int64)
    arm = answering.copy()
    if CHOSEN in batch.schema.names:
        chosen = batch.column(CHOSEN).to_pylist()
        given = np.array([-2 if one is None else places.get(one, -1) for one in chosen], np.int64)
        arm = np.where(given == -2, answering, given)
    outcomes = batch.column("outcome").to_pylist()
    algorithms = batch.column("algorithm").to_pylist()
    counts = np.array(
        [
            algorithm is not None and algorithm not in IN_NONE and outcome not in _SAY_NOTHING
            for algorithm, outcome in zip(algorithms, outcomes, strict=True)
        ],
        dtype=np.bool_,
    )
    propensity = _floats(batch.column("propensity"))
    counts &= (arm >= 0) & (propensity > 0) & (propensity < 1)
    answered = np.array([one == ANSWERED for one in outcomes], np.bool_) & (answering == arm)
    name = f"{FEATURE}{covariate}"
    known = name in batch.schema.names
    return Exposures(
        at_s=_floats(batch.column("at_s")),
        arm=arm,
        # What was not answered has no prediction, and is known by its request.
        prediction_id=objects_of(
            pc.coalesce(batch.column("prediction_id"), batch.column("request_id"))
        ),
        row=_floats(batch.column("row")).astype(np.int64),
        subject=objects_of(batch.column("key")),
        epoch=_floats(batch.column("epoch").fill_null(0)).astype(np.int64),
        propensity=propensity,
        answered=answered,
        took_s=_floats(batch.column("took_s")),
        covariate=_floats(batch.column(name)) if known else np.full(batch.num_rows, np.nan),
    ).take(counts)


def _floats(column: pa.Array) -> Floats:
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), float)


def _codes(kind: type[ClientError]) -> Iterator[str]:
    yield kind.code
    for inner in kind.__subclasses__():
        yield from _codes(inner)


_SAY_NOTHING = frozenset({*_codes(ClientError), Overloaded.code, CANCELLED})
"""What becomes of requests whatever the variant is worth."""
