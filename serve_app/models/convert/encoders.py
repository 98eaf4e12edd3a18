"""Converts what makes numbers of text and categories."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.preprocessing import (
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    TargetEncoder,
)

from serve_app.core.signature import Column
from serve_app.models.compiled.arithmetic import AsFloat, Pick, Screen
from serve_app.models.compiled.categories import (
    NOWHERE,
    REFUSED,
    Bins,
    Codes,
    Known,
    OneHot,
    ScreenColumns,
)
from serve_app.models.compiled.gaps import AsFloats
from serve_app.models.compiled.operation import Operation, chain
from serve_app.models.convert.dispatch import (
    NULLABLE,
    Given,
    Inconvertible,
    dense,
    screened,
    transforms,
)

Converted = tuple[Operation, Given]


@transforms(OneHotEncoder)
def _one_hot(encoder: Any, given: Given) -> Converted:
    start, columns = _categorical(given)
    unknown_kind = encoder.handle_unknown
    places: list[tuple[int, ...]] = []
    tables: list[tuple[Any, ...]] = []
    unknown: list[int] = []
    offset = 0
    for position, width in enumerate(encoder._n_features_outs):
        categories = encoder.categories_[position]
        number = np.arange(len(categories))
        stranger = REFUSED if unknown_kind == "error" else NOWHERE
        infrequent = None
        if encoder._infrequent_enabled:
            infrequent = encoder._infrequent_indices[position]
            mapping = encoder._default_to_infrequent_mappings[position]
            if mapping is not None:
                number = mapping
            if infrequent is not None and unknown_kind in {"infrequent_if_exist", "warn"}:
                stranger = int(number[infrequent[0]])
        drops = encoder._drop_idx_after_grouping
        dropped = None if drops is None else drops[position]
        to = [_after_drop(int(n), dropped) for n in number]
        if stranger >= 0:
            stranger = _after_drop(stranger, dropped)
        table, kept = _reachable(categories, columns[position])
        tables.append(table)
        places.append(tuple(to[j] + offset if to[j] >= 0 else NOWHERE for j in kept))
        unknown.append(stranger + offset if stranger >= 0 else stranger)
        offset += width
    dtype = np.dtype(encoder.dtype).name
    encoded = OneHot(tuple(tables), tuple(places), tuple(unknown), offset, dtype)
    handed_on = given.matrix(offset, screened=True)
    return chain(start, encoded), replace(handed_on, sparse=bool(encoder.sparse_output))


def _after_drop(number: int, dropped: Any) -> int:
    if dropped is None:
        return number
    if number == dropped:
        return NOWHERE
    return number - 1 if number > dropped else number


@transforms(OrdinalEncoder)
def ordinal(encoder: Any, given: Given) -> Converted:
    """An encoder of categories as numbers.

    Raises:
        Inconvertible: it treats its categories in a way that has no compiled form.
    """
    start, columns = _categorical(given)
    tables: list[tuple[Any, ...]] = []
    codes: list[tuple[float, ...]] = []
    unknown: list[float | None] = []
    for position, categories in enumerate(encoder.categories_):
        number = [float(j) for j in range(len(categories))]
        stranger: float | None = None
        if encoder._infrequent_enabled:
            mapping = encoder._default_to_infrequent_mappings[position]
            if mapping is not None:
                # A gap is a category that is never grouped; its number comes below.
                number[: len(mapping)] = mapping.astype(float).tolist()
        missing = encoder._missing_indices.get(position)
        if missing is not None:
            number[missing] = float(encoder.encoded_missing_value)
        if encoder.handle_unknown == "use_encoded_value":
            stranger = float(encoder.unknown_value)
        table, kept = _reachable(categories, columns[position])
        tables.append(table)
        codes.append(tuple(number[j] for j in kept))
        unknown.append(stranger)
    dtype = np.dtype(encoder.dtype).name
    encoded = Codes(tuple(tables), tuple(codes), tuple(unknown), dtype)
    return chain(start, encoded), given.matrix(given.width)


@transforms(TargetEncoder)
def _by_target(encoder: Any, given: Given) -> Converted:
    start, columns = _categorical(given)
    means = np.atleast_1d(encoder.target_mean_).tolist()
    # Of several classes each column gives one number per class, beside each other.
    repeated = tuple(position for position in range(given.width) for _ in means)
    tables: list[tuple[Any, ...]] = []
    codes: list[tuple[float, ...]] = []
    for position, encoding in zip(repeated, encoder.encodings_, strict=True):
        table, kept = _reachable(encoder.categories_[position], columns[position])
        tables.append(table)
        codes.append(tuple(encoding[kept].tolist()))
    unknown = tuple(means) * given.width
    picked = Pick(repeated) if len(means) > 1 else None
    encoded = Codes(tuple(tables), tuple(codes), unknown)
    return chain(start, picked, encoded), given.matrix(len(repeated), screened=True)


def _categorical(given: Given) -> tuple[Operation | None, list[Column | None]]:
    """What comes before an encoder of categories, and what is known of its columns."""
    dense(given, "an encoder of categories")
    if given.columns is None:
        return (None if given.screened else Screen(nan=True)), [None] * given.width
    for column in given.columns:
        if not column.is_numeric and column.dtype != "string":
            msg = f"column {column.name!r} holds neither numbers nor text"
            raise Inconvertible(msg)
    nullable = tuple(
        j for j, c in enumerate(given.columns) if (c.frame_dtype or "").startswith(NULLABLE)
    )
    categorical = [j for j, c in enumerate(given.columns) if c.frame_dtype == "category"]
    known = None
    if categorical:
        sets = tuple(tuple(given.columns[j].categories or ()) for j in categorical)
        known = Known(tuple(categorical), sets)
    floats = any(c.dtype.startswith("float") or c.nullable for c in given.columns)
    screen = ScreenColumns() if floats else None
    return chain(AsFloats(nullable) if nullable else None, known, screen), list(given.columns)


def _reachable(categories: Any, column: Column | None) -> tuple[tuple[Any, ...], list[int]]:
    """The categories that values can equal as they come, a gap being None, and their numbers."""
    gap = "nan" if column is None else gap_of(column)
    table: list[Any] = []
    kept: list[int] = []
    for number, category in enumerate(categories):
        value = plain(category)
        if value is None and ("none" if category is None else "nan") != gap:
            continue
        table.append(value)
        kept.append(number)
    return tuple(table), kept


def gap_of(column: Column) -> str:
    """Which kind of gap scikit-learn would see in a column: "none" or "nan".

    Raises:
        Inconvertible: it is pandas.NA.
    """
    if column.dtype in {"string", "bool"} and column.frame_dtype in {None, "object"}:
        return "none"
    if column.nullable and column.dtype == "string" and _marks_gaps_as_na(column):
        msg = f"column {column.name!r} marks its gaps as pandas.NA"
        raise Inconvertible(msg)
    return "nan"


def _marks_gaps_as_na(column: Column) -> bool:
    """Whether a gap of a column of text is pandas.NA, which equals nothing."""
    kept = column.frame_dtype or ""
    return kept.startswith("string") or kept.endswith("[pyarrow]") or kept == "object[NA]"


def plain(value: Any) -> Any:
    """A value as Python's own, None for a gap of either kind."""
    value = value.item() if isinstance(value, np.generic) else value
    return None if value is None or is_nan(value) else value


def is_nan(value: Any) -> bool:
    """Whether it is a float that is no number."""
    return isinstance(value, (float, np.floating)) and bool(value != value)  # noqa: PLR0124


@transforms(KBinsDiscretizer)
def _bins(bins: Any, given: Given) -> Converted:
    dense(given, bins)
    dtype = None if bins.dtype is None else np.dtype(bins.dtype).name
    edges = tuple(np.asarray(edge[1:-1]) for edge in bins.bin_edges_)
    start = chain(screened(given, dtype=dtype), AsFloat(), Bins(edges))
    handed_on = given.matrix(given.width, screened=True)
    if bins.encode == "ordinal":
        return start, handed_on
    encoded, handed_on = _one_hot(bins._encoder, handed_on)
    return chain(start, encoded), handed_on
