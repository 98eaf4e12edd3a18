"""Categories, value by value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from serve_app.models.compiled.categories import (
    REFUSED,
    Codes,
    FillGaps,
    Known,
    OneHot,
    ScreenColumns,
)
from serve_app.models.one_row.form import (
    Form,
    Made,
    NoRowForm,
    Step,
    Unusual,
    Values,
    in_order,
    matrix,
    row_form,
)

_OBJECT = np.dtype(object)
_INFINITE = float("inf")


class _Cells(dict[Any, tuple[float, ...]]):
    """The columns that stand for each category, and those of all that is none of them."""

    def __init__(
        self, known: dict[Any, tuple[float, ...]], other: tuple[float, ...] | None
    ) -> None:
        super().__init__(known)
        self._other = other

    def __missing__(self, value: Any) -> tuple[float, ...]:
        if self._other is None:
            raise Unusual
        return self._other


def _plain(form: Form) -> Step | None:
    """Values with None for every gap, as operations on categories read them."""
    gaps = [j for j, dtype in enumerate(form.dtypes) if dtype.kind == "f"]
    if not gaps:
        return None

    def step(values: Values) -> Values:
        row = list(values)
        for position in gaps:
            if row[position] != row[position]:
                row[position] = None
        return row

    return step


def _looked_up(tables: Sequence[_Cells], form: Form, dtype: np.dtype[Any], width: int) -> Made:
    if len(tables) != form.width:
        raise NoRowForm("categories of other columns")

    def step(values: Values) -> Values:
        row: list[float] = []
        for table, value in zip(tables, values, strict=True):
            row += table[value]
        return row

    return Made(in_order([_plain(form), step]), matrix(dtype, width))


@row_form(OneHot)
def _one_hot(step: OneHot, form: Form) -> Made:
    ranges = _ranges(step)
    if ranges is None:
        raise NoRowForm("columns of categories do not stand one after the other")
    columns = zip(step.categories, step.places, step.unknown, ranges, strict=True)
    tables = [
        _Cells(
            {
                category: _ones(place, own)
                for category, place in zip(categories, places, strict=True)
            },
            None if unknown == REFUSED else _ones(unknown, own),
        )
        for categories, places, unknown, own in columns
    ]
    return _looked_up(tables, form, np.dtype(step.dtype), step.width)


def _ranges(step: OneHot) -> list[range] | None:
    """Which columns belong to each of the columns of categories; None where they are mixed."""
    ranges, begin = [], 0
    last = len(step.places) - 1
    for at, (places, unknown) in enumerate(zip(step.places, step.unknown, strict=True)):
        own = [place for place in (*places, unknown) if place >= 0]
        end = step.width if at == last else max(own, default=begin - 1) + 1
        if own and (min(own) < begin or max(own) >= end):
            return None
        ranges.append(range(begin, end))
        begin = end
    return ranges


def _ones(place: int, own: range) -> tuple[float, ...]:
    return tuple(1.0 if column == place else 0.0 for column in own)


@row_form(Codes)
def _codes(step: Codes, form: Form) -> Made:
    columns = zip(step.categories, step.codes, step.unknown, strict=True)
    dtype = np.dtype(step.dtype)
    if dtype.kind != "f":
        raise NoRowForm(f"codes of {dtype}")
    tables = [
        _Cells(
            {
                category: (float(dtype.type(code)),)
                for category, code in zip(categories, codes, strict=True)
            },
            None if unknown is None else (float(dtype.type(unknown)),),
        )
        for categories, codes, unknown in columns
    ]
    return _looked_up(tables, form, dtype, len(tables))


@row_form(FillGaps)
def _fill_gaps(step: FillGaps, form: Form) -> Made:
    fills = step.fills

    def fill(values: Values) -> Values:
        return [own if value is None else value for value, own in zip(values, fills, strict=True)]

    if form.shape != "columns":
        raise NoRowForm("gaps among words of a matrix")
    return Made(in_order([_plain(form), fill]), Form((_OBJECT,) * form.width, "columns"))


@row_form(Known)
def _known(step: Known, form: Form) -> Made:
    sets = [(j, frozenset(known)) for j, known in zip(step.positions, step.categories, strict=True)]
    dtypes = list(form.dtypes)
    for position in step.positions:
        dtypes[position] = _OBJECT

    def forget(values: Values) -> Values:
        row = list(values)
        for position, known in sets:
            if row[position] not in known:
                row[position] = None
        return row

    return Made(forget, Form(tuple(dtypes), form.shape))


@row_form(ScreenColumns)
def _screen_columns(_: ScreenColumns, form: Form) -> Made:
    floats = [j for j, dtype in enumerate(form.dtypes) if dtype.kind == "f"]

    def screen(values: Values) -> Values:
        for position in floats:
            if abs(values[position]) == _INFINITE:
                raise Unusual
        return values

    return Made(screen if floats else None, form)
