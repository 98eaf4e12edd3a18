"""Gaps, value by value: among numbers they are NaN."""

from __future__ import annotations

import numpy as np

from serve_app.core.columns import Array
from serve_app.models.compiled.arithmetic import ValueMissing, ZerosMissing
from serve_app.models.compiled.boosters import NEARLY_ZERO, ZeroOrGap
from serve_app.models.compiled.gaps import AsFloats, Impute
from serve_app.models.one_row.form import (
    DOUBLE,
    SINGLE,
    Form,
    Made,
    NoRowForm,
    Step,
    Values,
    in_order,
    picked,
    rounded,
    row_form,
)

_NAN = float("nan")


@row_form(AsFloats)
def _gaps_as_floats(given: AsFloats, form: Form) -> Made:
    dtypes = list(form.dtypes)
    for position in given.positions:
        if dtypes[position].kind not in "fiubO":
            raise NoRowForm(f"values of {dtypes[position]}")
        dtypes[position] = DOUBLE

    def step(values: Values) -> Values:
        row = list(values)
        for position in given.positions:
            row[position] = _NAN if row[position] is None else float(row[position])
        return row

    return Made(step, Form(tuple(dtypes), form.shape))


@row_form(Impute)
def _impute(impute: Impute, form: Form) -> Made:
    dtype = form.dtype
    kept = tuple(range(form.width)) if impute.kept is None else impute.kept
    flagged = impute.flagged or ()
    missing = impute.missing
    if missing == missing and dtype != DOUBLE:  # noqa: PLR0124
        raise NoRowForm(f"a number for gaps among {dtype}")
    if dtype.kind != "f" and flagged:
        raise NoRowForm(f"flags beside {dtype}")
    out = form.of(dtype, len(kept) + len(flagged))
    if dtype.kind != "f":
        return Made(picked(kept, form.width), out)
    fills = impute.fills.astype(dtype).tolist()
    filled = _filled(fills, missing)
    keep = picked(kept, form.width)
    if not flagged:
        return Made(in_order([filled, keep]), out)

    def step(values: Values) -> Values:
        whole = filled(values)
        flags = [
            float(values[j] != values[j] if missing != missing else values[j] == missing)  # noqa: PLR0124
            for j in flagged
        ]
        return [*(whole if keep is None else keep(whole)), *flags]

    return Made(step, out)


def _filled(fills: list[float], missing: float) -> Step:
    if missing == missing:  # noqa: PLR0124
        return lambda values: [
            fill if value == missing else value for value, fill in zip(values, fills, strict=True)
        ]
    return lambda values: [
        fill if value != value else value  # noqa: PLR0124
        for value, fill in zip(values, fills, strict=True)
    ]


@row_form(ZerosMissing)
def _zeros_missing(_: ZerosMissing, form: Form) -> Made:
    narrowed = None if form.dtype == SINGLE else rounded(form.width)

    def step(values: Values) -> Values:
        return [_NAN if value == 0 else value for value in values]

    return Made(in_order([step, narrowed]), form.of(SINGLE))


@row_form(ValueMissing)
def _value_missing(given: ValueMissing, form: Form) -> Made:
    missing = float(np.float32(given.value))
    narrowed = None if form.dtype == SINGLE else rounded(form.width)

    def step(values: Values) -> Values:
        return [_NAN if value == missing else value for value in values]

    return Made(in_order([narrowed, step]), form.of(SINGLE))


@row_form(ZeroOrGap)
def _zero_or_gap(given: ZeroOrGap, form: Form) -> Made:
    dtype = form.float_dtype
    # What becomes of a gap, and of a number near zero.
    instead = [
        (_NAN if emptied or not zeroed else 0.0, _NAN if emptied else 0.0)
        for zeroed, emptied in zip(
            _each(given.zeroed, form.width), _each(given.emptied, form.width), strict=True
        )
    ]

    def step(values: Values) -> Values:
        return [
            value if abs(value) > NEARLY_ZERO else own[value == value]  # noqa: PLR0124
            for value, own in zip(values, instead, strict=True)
        ]

    return Made(step, form.of(dtype))


def _each(truths: Array, width: int) -> list[bool]:
    spread: list[bool] = np.broadcast_to(truths, (width,)).tolist()
    return spread
