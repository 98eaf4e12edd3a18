"""A whole program on one row, from columns to a prediction."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from serve_app.core.columns import Columns
from serve_app.core.labels import label_array
from serve_app.core.messages import Prediction
from serve_app.core.signature import Signature
from serve_app.models.compiled.model import CompiledModel, OneRow, Program
from serve_app.models.compiled.operation import chain
from serve_app.models.one_row import gaps, numbers, scores, words
from serve_app.models.one_row.form import (
    Form,
    NoRowForm,
    Step,
    Unusual,
    Values,
    written,
)
from serve_app.models.one_row.proof import same_bits

_FORMS = (gaps, numbers, scores, words)
"""The modules in which operations are written down."""
_LEFT = (Unusual, ArithmeticError, TypeError, ValueError)
"""What a row raises that is left to the program, which then answers or refuses it."""
_log = logging.getLogger(__name__)

Read = Callable[[Columns], Values]
Answered = Callable[[Values], Prediction]


def one_row(program: Program, signature: Signature) -> OneRow | None:
    """What computes a program on one row of a signature, to the same bits, in Python's numbers.

    None where an operation is none that is written down for one row, or bits differ here.
    """
    if signature.output.kind == "transform" or any(c.shape for c in signature.inputs):
        return None
    dtypes = tuple(column.array_dtype for column in signature.inputs)
    try:
        linked = written(chain(program.scores, program.link), Form(dtypes, "columns"))
        answered = _answered(program, linked.form, signature)
    except NoRowForm as reason:
        _log.debug("one row is computed as many are: %s", reason)
        return None
    lane = _lane(_reader(dtypes), linked.step, answered)
    if not same_bits(CompiledModel(program, signature), lane, program, signature):
        _log.warning("one row gives other bits value by value here; NumPy computes it")
        return None
    return lane


def _lane(read: Read, linked: Step | None, answered: Answered) -> OneRow:
    def predict(columns: Columns) -> Prediction | None:
        try:
            values = read(columns)
            if linked is not None:
                values = linked(values)
            total = sum(values)
            # Gaps in what is said are rare enough to be left to NumPy, which has kinds of them.
            return None if total != total else answered(values)  # noqa: PLR0124
        except _LEFT:
            return None

    return predict


def _reader(dtypes: tuple[np.dtype[Any], ...]) -> Read:
    """The values of one row as Python's own, where columns are of the dtypes that were expected."""
    expected, whole = list(dtypes), dtypes[0] if len(set(dtypes)) == 1 else None

    def read(columns: Columns) -> Values:
        block = columns.block
        if block is not None:
            if block.dtype != whole:
                raise Unusual
            rows: list[list[Any]] = block.tolist()
            return rows[0]
        arrays = columns.arrays
        if [array.dtype for array in arrays] != expected:
            raise Unusual
        return [array.item() for array in arrays]

    return read


def _answered(program: Program, form: Form, signature: Signature) -> Answered:
    if form.shape == "columns":
        raise NoRowForm("the scores are columns")
    if program.classes is None:
        return _of_numbers(form, signature.output.width)
    number_of = written(program.classes, form).run
    labels = label_array(signature.output.labels)
    labels.flags.writeable = False
    each = [labels[number : number + 1] for number in range(len(labels))]
    if program.probabilities is None:
        return lambda values: Prediction(each[number_of(values)[0]])
    shares = written(program.probabilities, form)
    if shares.form.shape != "matrix":
        raise NoRowForm("probabilities are no matrix")
    dtype, run = shares.form.dtype, shares.run

    def answered(values: Values) -> Prediction:
        return Prediction(each[number_of(values)[0]], np.array([run(values)], dtype))

    return answered


def _of_numbers(form: Form, width: int) -> Answered:
    dtype = form.dtype
    if width != form.width:
        raise NoRowForm(f"{form.width} numbers where {width} are said")
    if width == 1:
        return lambda values: Prediction(np.array(values, dtype))
    if form.shape != "matrix":
        raise NoRowForm("several numbers in a line")
    return lambda values: Prediction(np.array([values], dtype))
