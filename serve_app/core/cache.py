"""Remembers what was answered for a row, by the versions that answered and its values.

A key never leaves out who answers: a cache keyed by rows alone would mix models. Nor whose tenant
asked: a row that is known quickly would tell one what another asked. Rows are told apart by their
bytes, so that 0.0 and -0.0 are two rows.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from serve_app.core.columns import Array, Columns
from serve_app.core.messages import Answer, Prediction
from serve_app.core.plan import Plan
from serve_app.core.ports import Clock

Key = tuple[object, ...]
_NOTHING = np.empty((0, 0), np.uint8)


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """How many rows a cache remembers, and for how many seconds."""

    rows: int
    ttl_s: float


@dataclass(frozen=True, slots=True)
class Lookup:
    """What a cache knows of the rows of a request.

    `hits` has a prediction per row that is known and None for all others; `missing` are the
    rows that have to be asked for, none when all are known. `keys` is empty where nothing is
    remembered.
    """

    missing: Columns | None
    versions: tuple[str, ...] = ()
    keys: tuple[Key, ...] = ()
    hits: tuple[Prediction | None, ...] = ()

    def row(self, number: int) -> int:
        """The row of the request that one of the `missing` is."""
        unknown = [row for row, hit in enumerate(self.hits) if hit is None]
        return unknown[number] if number < len(unknown) else number


class Cache(Protocol):
    """Finds known rows, and completes an answer with them."""

    def find(self, plan: Plan, columns: Columns, tenant: str = "") -> Lookup:
        """What is known of these rows to a tenant when the plan's variants answer."""
        ...

    def complete(self, lookup: Lookup, answer: Answer | None) -> tuple[Answer, int | None]:
        """The answer to all rows, and how many came from the cache (None without one)."""
        ...


class NoCache:
    """Knows nothing and remembers nothing."""

    def find(self, plan: Plan, columns: Columns, tenant: str = "") -> Lookup:  # noqa: ARG002
        """Everything has to be asked for."""
        return Lookup(columns)

    def complete(self, lookup: Lookup, answer: Answer | None) -> tuple[Answer, int | None]:  # noqa: ARG002
        """What was asked is the answer."""
        assert answer is not None  # noqa: S101 - everything was missing
        return answer, None


class RowCache:
    """The least recently used rows leave first, and each after its time.

    `hits` and `rows` count, for metrics, since the cache was made.
    """

    def __init__(self, limits: CacheLimits, *, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._known: OrderedDict[Key, tuple[float, Prediction]] = OrderedDict()
        self.hits = 0
        self.rows = 0

    def __len__(self) -> int:
        return len(self._known)

    def find(self, plan: Plan, columns: Columns, tenant: str = "") -> Lookup:
        """What is known of these rows to a tenant when the plan's variants answer."""
        versions = plan.variants if plan.together else plan.variants[:1]
        keys = tuple((tenant, versions, *key) for key in row_keys(columns))
        now = self._clock()
        hits = tuple(self._hit(key, now) for key in keys)
        self.rows += len(keys)
        missing = [row for row, hit in enumerate(hits) if hit is None]
        self.hits += len(keys) - len(missing)
        if not missing and keys:
            return Lookup(None, versions, keys, hits)
        return Lookup(columns.take(missing), versions, keys, hits)

    def complete(self, lookup: Lookup, answer: Answer | None) -> tuple[Answer, int | None]:
        """The answer to all rows; what others than the planned answered is not remembered."""
        known = [hit for hit in lookup.hits if hit is not None]
        if answer is None:
            return Answer(_stacked(known), lookup.versions), len(known)
        planned = answer.variants == lookup.versions and not (answer.fallback or answer.left_out)
        if planned:
            self._remember(lookup, answer.prediction)
        if not known:
            return answer, 0
        fresh = iter(_rows(answer.prediction))
        parts = [next(fresh) if hit is None else hit for hit in lookup.hits]
        variants = tuple(dict.fromkeys((*lookup.versions, *answer.variants)))
        return replace(answer, prediction=_stacked(parts), variants=variants), len(known)

    def _remember(self, lookup: Lookup, rows: Prediction) -> None:
        expires = self._clock() + self._limits.ttl_s
        unknown = [key for key, hit in zip(lookup.keys, lookup.hits, strict=True) if hit is None]
        for key, part in zip(unknown, _rows(rows), strict=True):
            self._known[key] = (expires, _own(part))
        while len(self._known) > self._limits.rows:
            self._known.popitem(last=False)

    def _hit(self, key: Key, now: float) -> Prediction | None:
        known = self._known.get(key)
        if known is None:
            return None
        if known[0] <= now:
            del self._known[key]
            return None
        self._known.move_to_end(key)
        return known[1]


def row_keys(columns: Columns) -> list[Key]:
    """A key per row that two rows share only when all their values are the same."""
    if columns.block is not None:
        block = np.ascontiguousarray(columns.block)
        return [(block.dtype.char, row.tobytes()) for row in block]
    numeric = [array for array in columns.arrays if array.dtype != object]
    texts = [_words(array) for array in columns.arrays if array.dtype == object]
    kinds = "".join(array.dtype.char for array in columns.arrays)
    if any(array.ndim > 1 for array in columns.arrays):
        kinds += str([array.shape[1:] for array in columns.arrays])
    raw = _bytes(numeric, columns.rows)
    if not texts:
        return [(kinds, part) for part in raw]
    return [(kinds, part, *words) for part, *words in zip(raw, *texts, strict=True)]


def _words(array: Array) -> list[object]:
    if array.ndim == 1:
        words: list[object] = array.tolist()
        return words
    return [tuple(row) for row in array.reshape(len(array), -1).tolist()]


def _bytes(arrays: Sequence[Array], rows: int) -> list[bytes]:
    if not arrays:
        return [b""] * rows
    parts = [
        np.ascontiguousarray(array).reshape(rows, -1).view(np.uint8) if rows else _NOTHING
        for array in arrays
    ]
    return [row.tobytes() for row in np.concatenate(parts, axis=1)]


def _rows(prediction: Prediction) -> list[Prediction]:
    return [prediction.slice(j, j + 1) for j in range(len(prediction.values))]


def _own(part: Prediction) -> Prediction:
    """A copy: a view would keep the whole batch that it came with in memory."""
    shares, tensors = part.probabilities, part.tensors
    return Prediction(
        part.values.copy(),
        None if shares is None else shares.copy(),
        tensors=None if tensors is None else {name: a.copy() for name, a in tensors.items()},
    )


def _stacked(parts: Sequence[Prediction]) -> Prediction:
    if len(parts) == 1:
        return parts[0]
    shares = [part.probabilities for part in parts if part.probabilities is not None]
    return Prediction(
        np.concatenate([part.values for part in parts]),
        np.concatenate(shares) if shares else None,
        tensors=_stacked_tensors([part.tensors for part in parts if part.tensors is not None]),
    )


def _stacked_tensors(parts: Sequence[Mapping[str, Array]]) -> dict[str, Array] | None:
    if not parts:
        return None
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
