"""Records of many requests as columns: what is counted and packed of them, without the requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve_app.core.caller import pseudonym
from serve_app.core.columns import Columns
from serve_app.core.messages import Answer, Prediction
from serve_app.core.plan import Plan
from serve_app.core.record import Record, Shadowed
from serve_app.core.record_settings import DEFAULT, RecordSettings
from serve_app.monitoring.kept_record import KeptRecord, kept
from serve_app.monitoring.row_values import keys_of, segments_of

_NO_SETTINGS: Mapping[str, RecordSettings] = {}


@dataclass(frozen=True, slots=True, eq=False)
class Shadow:
    """What became of the requests of a block at one shadow.

    `outcomes`, `samples` and `took_s` (NaN where it was not asked) have one value for each request.
    The `prediction` has one row for each of theirs, None where it gave none.
    """

    version: str
    outcomes: Sequence[str]
    samples: NDArray[np.float64]
    took_s: NDArray[np.float64]
    prediction: Prediction | None

    @classmethod
    def of(cls, requests: Sequence[Shadowed]) -> Shadow:
        """What became of some requests, at the same shadow and in one form."""
        versions, outcomes, samples, took_s, predictions = zip(*requests, strict=True)
        given = [one for one in predictions if one is not None]
        return cls(
            versions[0],
            outcomes,
            np.array(samples, dtype=np.float64),
            np.array(took_s, dtype=np.float64),
            _stacked_predictions(given) if given else None,
        )

    def where(self, wanted: NDArray[np.bool_], rows: list[int]) -> Shadow:
        """What became of the requests for which `wanted` is true, whose rows are these."""
        return Shadow(
            self.version,
            _picked(self.outcomes, np.flatnonzero(wanted).tolist()),
            self.samples[wanted],
            self.took_s[wanted],
            None if self.prediction is None else _rows_of(self.prediction, rows),
        )


@dataclass(frozen=True, slots=True, eq=False)
class RecordBlock:
    """Requests of one endpoint whose features and answers have one form.

    `columns`, `prediction`, the predictions of `shadows`, `keys` and `segments` (JSON objects) have
    one row for each row of each request, everything else one value for each request, of which each
    has at least a row. `columns` is None where they were refused, `prediction` where there was no
    answer, `keys`, `segments` and `callers` (pseudonyms) where the endpoint wants none. `subjects`
    say whom rows are about, `tenants` for whom requests were, where rows have subjects.
    `started_s` are times of the engine's clock.
    """

    endpoint: str
    request_ids: Sequence[str]
    snapshots: Sequence[int]
    started_s: NDArray[np.float64]
    took_s: NDArray[np.float64]
    prediction_ids: Sequence[str | None]
    plans: Sequence[Plan | None]
    variants: Sequence[tuple[str, ...]]
    outcomes: Sequence[str]
    cached_rows: Sequence[int | None]
    row_counts: NDArray[np.int64]
    keys: Sequence[str | None] | None
    segments: Sequence[str] | None
    callers: Sequence[str | None] | None
    columns: Columns | None
    prediction: Prediction | None
    shadows: tuple[Shadow, ...] = ()
    subjects: Sequence[str | None] | None = None
    tenants: Sequence[str] = ()

    @property
    def requests(self) -> int:
        """How many requests these are."""
        return len(self.request_ids)

    @property
    def rows(self) -> int:
        """How many rows they have."""
        return int(self.row_counts.sum())

    def where(self, wanted: NDArray[np.bool_]) -> RecordBlock:
        """The requests for which `wanted` is true, at least one; itself when they are all."""
        if wanted.all():
            return self
        requests = np.flatnonzero(wanted).tolist()
        rows = np.flatnonzero(np.repeat(wanted, self.row_counts)).tolist()
        columns, prediction = self.columns, self.prediction
        return RecordBlock(
            self.endpoint,
            request_ids=_picked(self.request_ids, requests),
            snapshots=_picked(self.snapshots, requests),
            started_s=self.started_s[wanted],
            took_s=self.took_s[wanted],
            prediction_ids=_picked(self.prediction_ids, requests),
            plans=_picked(self.plans, requests),
            variants=_picked(self.variants, requests),
            outcomes=_picked(self.outcomes, requests),
            cached_rows=_picked(self.cached_rows, requests),
            row_counts=self.row_counts[wanted],
            keys=None if self.keys is None else _picked(self.keys, rows),
            segments=None if self.segments is None else _picked(self.segments, rows),
            callers=None if self.callers is None else _picked(self.callers, requests),
            columns=None if columns is None else columns.take(rows),
            prediction=None if prediction is None else _rows_of(prediction, rows),
            shadows=tuple(one.where(wanted, rows) for one in self.shadows),
            subjects=None if self.subjects is None else _picked(self.subjects, rows),
            tenants=_picked(self.tenants, requests) if self.tenants else (),
        )


Recorded = Record | KeptRecord | RecordBlock


def blocks_of(
    records: Iterable[Recorded], settings: Mapping[str, RecordSettings] = _NO_SETTINGS
) -> Iterator[RecordBlock]:
    """Records as blocks, one for each endpoint and form; blocks as they are.

    What of a record is kept say the `settings` of its endpoint. A request without rows is in no
    block.
    """
    groups: dict[Any, list[KeptRecord]] = {}
    for one in records:
        if isinstance(one, RecordBlock):
            yield one
            continue
        record = kept(one, settings.get(one.endpoint, DEFAULT)) if isinstance(one, Record) else one
        if record.rows:
            groups.setdefault(_form(record), []).append(record)
    for group in groups.values():
        yield _joined(group)


def _form(record: KeptRecord) -> tuple[Any, ...]:
    """What records must have in common to stand in one block."""
    columns, features = record.columns, None
    if columns is not None:
        block = columns.block
        kinds: Any = (
            tuple([(array.dtype, array.shape[1:]) for array in columns.arrays])
            if block is None
            else block.dtype
        )
        features = columns.names, kinds
    shadows = (
        tuple([(one.version, _prediction_form(one.prediction)) for one in record.shadows])
        if record.shadows
        else ()
    )
    settings, answer = id(record.settings), record.answer
    answer_form = _prediction_form(None if answer is None else answer.prediction)
    return record.endpoint, settings, features, answer_form, shadows


def _prediction_form(one: Prediction | None) -> Any:
    if one is None:
        return None
    shares = None if one.probabilities is None else one.probabilities.shape[1:]
    return one.values.dtype.kind, one.values.shape[1:], shares


def _joined(records: Sequence[KeptRecord]) -> RecordBlock:
    """Records of one form as a block."""
    (
        endpoints, rows, request_ids, snapshots, started_s, took_s, prediction_ids, plans,
        columns, answers, cached_rows, outcomes, shadows, settings, values, callers, tenants,
    ) = zip(*records, strict=True)  # fmt: skip
    stacked = None if columns[0] is None else _stacked(columns)
    return RecordBlock(
        endpoints[0],
        request_ids=request_ids,
        snapshots=snapshots,
        started_s=np.array(started_s, dtype=np.float64),
        took_s=np.array(took_s, dtype=np.float64),
        prediction_ids=prediction_ids,
        plans=plans,
        variants=[
            one.variants if one is not None else () if plan is None else plan.variants
            for one, plan in zip(answers, plans, strict=True)
        ],
        outcomes=outcomes,
        cached_rows=cached_rows,
        row_counts=np.array(rows, dtype=np.int64),
        keys=keys_of(settings[0].key, values, rows),
        segments=segments_of(tuple(settings[0].segments), stacked, values, rows),
        callers=_pseudonyms(callers, settings[0]),
        columns=stacked,
        prediction=None if answers[0] is None else _prediction(answers),
        shadows=tuple(Shadow.of(shadow) for shadow in zip(*shadows, strict=True)),
        subjects=keys_of(settings[0].subject, values, rows),
        tenants=() if settings[0].subject is None else tenants,
    )


def _pseudonyms(callers: Sequence[str | None], settings: RecordSettings) -> list[str | None] | None:
    """The pseudonyms of those who asked; None where they are not wanted."""
    if settings.callers is None:
        return None
    salt = settings.caller_salt
    return [None if name is None else pseudonym(name, salt) for name in callers]


def _stacked(parts: Sequence[Columns]) -> Columns:
    """Columns of the same names and types, which `concatenate` would look at once more."""
    names, blocks = parts[0].names, [part.block for part in parts if part.block is not None]
    if len(blocks) == len(parts):
        return Columns.from_block(names, np.concatenate(blocks))
    arrays = [np.concatenate(arrays) for arrays in zip(*(p.arrays for p in parts), strict=True)]
    return Columns(names, arrays, None, sum(part.rows for part in parts))


def _prediction(answers: Sequence[Answer]) -> Prediction:
    """What is counted and packed of several answers of one form."""
    return _stacked_predictions([one.prediction for one in answers])


def _stacked_predictions(given: Sequence[Prediction]) -> Prediction:
    shares = [one.probabilities for one in given if one.probabilities is not None]
    values = np.concatenate([one.values for one in given])
    return Prediction(values, np.concatenate(shares) if shares else None)


def _rows_of(prediction: Prediction, rows: list[int]) -> Prediction:
    shares = prediction.probabilities
    return Prediction(prediction.values[rows], None if shares is None else shares[rows])


def _picked(values: Sequence[Any], places: Sequence[int]) -> list[Any]:
    return [values[place] for place in places]
