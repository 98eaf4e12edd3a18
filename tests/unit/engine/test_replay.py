"""What is compared when recorded requests are computed again."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest

from serve_app.core.columns import Columns
from serve_app.core.messages import Prediction
from serve_app.core.signature import Column, Output, Signature
from serve_app.engine.replay import EXAMPLES, RecordedCall, replay
from serve_app.errors import ModelFailed, RowsRefused

SIGNATURE = Signature((Column("x", "float64", nullable=True),), Output("regression"))


def version(answer, signature=SIGNATURE):
    """A loaded version that answers so."""
    manifest = SimpleNamespace(signature=signature, reference="m@2")
    return SimpleNamespace(manifest=manifest, model=SimpleNamespace(ask=answer))


def called(values, probabilities=None, xs=None):
    xs = [float(n) for n in range(len(values))] if xs is None else xs
    return RecordedCall("p-1", {"x": xs}, values, probabilities or [None] * len(values))


def compared(calls, answer, **options):
    clock = itertools.count(step=0.5).__next__
    return replay(calls, version(answer), clock=clock, **options)


def answering(values, probabilities=None):
    return lambda _task, _columns: Prediction(np.array(values), probabilities)


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ([1.0], [1.0], 0),
        ([1.0], [1.0 + 1e-12], 0),
        ([1.0], [1.1], 1),
        ([math.nan], [math.nan], 0),
        ([math.nan], [1.0], 1),
        ([math.inf], [math.inf], 0),
        ([1], [1.0], 0),
        (["yes"], ["yes"], 0),
        (["yes"], ["no"], 1),
        (["1"], [1], 0),
        ([True], [False], 1),
        ([[1.0, 2.0]], [[1.0, 2.0]], 0),
        ([[1.0, 2.0]], [[1.0, 3.0]], 1),
        ([[1.0, 2.0]], [[1.0, 2.0, 3.0]], 1),
    ],
)
def test_equal_is_what_a_client_would_call_equal(before, after, changed):
    result = compared([called(before)], answering(after))
    assert (result.rows, result.changed) == (1, changed)
    assert result.share_equal == 1 - changed


def test_differences_are_of_numbers_and_of_probabilities_where_both_have_them():
    numbers = compared(
        [called([1.0, 2.0]), called([4.0])], lambda _, c: _moved(c, [1.5, 2.0], [3.0])
    )
    assert (numbers.mean_difference, numbers.largest_difference) == (0.5, 1.0)
    shares = compared([called(["a"], [[0.5, 0.5]])], answering(["a"], np.array([[0.25, 0.75]])))
    assert (shares.changed, shares.mean_difference, shares.largest_difference) == (0, 0.25, 0.25)
    labels = compared([called(["a"])], answering(["b"]))
    assert (labels.mean_difference, labels.largest_difference) == (None, None)


def _moved(columns, two, one):
    return Prediction(np.array(two if columns.rows == 2 else one))


def test_times_are_of_one_call_each():
    result = compared([called([1.0])] * 3, answering([1.0]))
    assert (result.p50_s, result.p99_s) == (0.5, 0.5)


def test_refused_rows_count_as_changed_and_their_reasons_are_kept():
    def refusing(_task, columns):
        if columns["x"][0] == 7.0:
            raise RowsRefused("seven is not taken")
        if columns["x"][0] == 8.0:
            raise ModelFailed("the model failed")
        return Prediction(columns["x"])

    calls = [called([n], xs=[n]) for n in (1.0, 7.0, 7.0, 8.0)]
    calls.append(called([9.0], xs=["text"]))
    result = compared(calls, refusing)
    assert (result.calls, result.refused, result.changed) == (5, 4, 0)
    assert (result.share_equal, result.share_changed) == (1.0, 0.8)
    assert next(iter(result.reasons.items())) == ("seven is not taken", 2)
    assert len(result.reasons) == 3


def test_a_transformer_runs_before():
    def doubled(_task, columns):
        return Columns.of({"x": columns["x"] * 2})

    result = replay(
        [called([2.0, 4.0], xs=[1.0, 2.0])],
        version(lambda _, columns: Prediction(columns["x"])),
        clock=itertools.count().__next__,
        prepare=version(doubled),
    )
    assert result.changed == 0


def test_few_of_many_changes_are_shown():
    result = compared([called([0.0] * 50)], answering([1.0] * 50))
    assert (result.changed, len(result.examples)) == (50, EXAMPLES)
    assert result.examples[3] == ("p-1", 3, 0.0, 1.0)


def test_without_requests_there_is_nothing_to_say():
    result = compared([], answering([]))
    assert (result.rows, result.share_equal, result.share_changed, result.p50_s) == (0, *[None] * 3)
