"""What is left of answers for callers who learn less."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.caller import Caller
from serve_app.core.coarsening import (
    EVERYTHING,
    Details,
    check_explained,
    check_method,
    coarsened,
    coarsened_explanation,
    significant,
)
from serve_app.core.detail import FULL, Detail, detail_of
from serve_app.core.explanation import Explanation
from serve_app.core.messages import Answer, Prediction
from serve_app.core.signature import Output, Target
from serve_app.errors import Forbidden

LABELS = ("no", "yes")
CLASSES = Output("classification", LABELS, probabilities=True, scores_width=1)
NUMBERS = Output("regression")
ROUNDED, TOP1 = detail_of("rounded(2)"), detail_of("top1")


def left(prediction, detail, output=CLASSES, labels=LABELS):
    return coarsened(Answer(prediction, ("a@1",)), detail, output, labels).prediction


@given(
    st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: abs(x) < 1e290),
    st.integers(1, 9),
)
def test_a_number_is_the_nearest_that_so_many_digits_write(number, digits):
    """Held against Python's own formatting, which rounds what is written exactly."""
    (got,) = significant(np.array([number]), digits).tolist()
    if abs(number) < 1e-290:
        assert got == 0.0
        return
    written = f"{number:.{digits - 1}e}"
    unit = 10.0 ** (int(written.partition("e")[2]) - digits + 1)
    assert abs(got - number) <= 0.5000001 * unit
    assert got == pytest.approx(float(f"{got:.{digits - 1}e}"), rel=1e-15)


def test_what_is_no_number_stays_and_dtypes_do():
    given_ = np.array([np.nan, np.inf, -np.inf, 0.0, -1234.5, 0.012345], np.float32)
    got = significant(given_, 2)
    assert got.dtype == np.float32
    assert got.tolist() == pytest.approx([np.nan, np.inf, -np.inf, 0, -1200, 0.012], nan_ok=True)


def test_what_is_written_with_few_digits_is_written_with_few_digits():
    numbers = significant(np.array([0.1 + 0.2, 183_412.7, 6.02214076e23, 1.6e-19]), 2).tolist()
    assert [repr(one) for one in numbers] == ["0.3", "180000.0", "6e+23", "1.6e-19"]


def test_all_is_as_it_was_where_all_may_be_known():
    answer = Answer(Prediction(np.array(["yes"])), ("a@1",))
    assert coarsened(answer, FULL, CLASSES, LABELS) is answer


def test_of_classes_so_many_decimals_and_no_more_digits_are_left():
    shares = np.array([[0.0149, 0.9851], [0.5049, 0.4951]])
    scores = np.array([12.3456, -0.0149])
    got = left(Prediction(np.array(LABELS), shares, scores), ROUNDED)
    assert got.values.tolist() == ["no", "yes"]
    assert got.probabilities.tolist() == [[0.01, 0.99], [0.5, 0.5]]
    assert got.scores.tolist() == [12.0, -0.01]


def test_numbers_keep_so_many_digits_wherever_their_point_is():
    tensors = {"far": np.array([[123.4, 0.001234]]), "count": np.array([12345])}
    got = left(Prediction(np.array([[1234.5]]), tensors=tensors), ROUNDED, NUMBERS, ())
    assert got.values.tolist() == [[1200.0]]
    assert got.tensors["far"].tolist() == [[120.0, 0.0012]]
    assert got.tensors["count"].tolist() == [12345]


def test_of_the_class_alone_probabilities_say_no_more_than_the_class():
    shares = np.array([[0.9, 0.1], [0.2, 0.8]], np.float32)
    prediction = Prediction(np.array(["no", "yes"], object), shares, np.ones(2), {"t": np.ones(2)})
    got = left(prediction, TOP1)
    assert got.probabilities.tolist() == [[1, 0], [0, 1]]
    assert got.probabilities.dtype == np.float32
    assert (got.scores, got.tensors) == (None, None)
    assert left(Prediction(np.array(["no"])), TOP1).probabilities is None
    assert left(Prediction(np.array([1234.5])), TOP1, NUMBERS, ()).values.tolist() == [1200.0]


def test_each_of_several_targets_has_its_class_alone():
    several = (Target("ill", (0, 1)), Target("old", (0, 1)))
    output = Output("multilabel", probabilities=True, width=2, targets=several)
    got = left(Prediction(np.array([[0, 1]]), np.array([[0.4, 0.6]])), TOP1, output, ())
    assert got.probabilities.tolist() == [[0, 1]]
    several = (Target("size", ("s", "m", "l")), Target("hue", ("red", "blue")))
    output = Output("multioutput", probabilities=True, width=2, targets=several)
    shares = np.array([[0.2, 0.5, 0.3, 0.1, 0.9]])
    got = left(Prediction(np.array([["m", "blue"]], object), shares), TOP1, output, ())
    assert got.probabilities.tolist() == [[0, 1, 0, 0, 1]]


@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=2),
    st.lists(st.floats(0, 1), min_size=2, max_size=2),
    st.integers(1, 9),
)
def test_coarser_again_is_no_coarser_and_the_order_of_shares_never_turns(one, two, digits):
    detail, shares = Detail("rounded", digits), np.array([one, two])
    once = left(Prediction(np.array(LABELS), shares), detail)
    assert left(once, detail).probabilities.tolist() == once.probabilities.tolist()
    for before, after in zip(shares, once.probabilities, strict=True):
        assert (before[0] - before[1]) * (after[0] - after[1]) >= 0


def test_reasons_are_rounded_or_kept_back():
    parts = Explanation(
        ("a",), np.array([[[0.01234]]]), np.array([[3.456]]), ("linear",), "log_odds", ("yes",)
    )
    assert coarsened_explanation(parts, FULL, CLASSES) is parts
    got = coarsened_explanation(parts, ROUNDED, CLASSES)
    assert (got.contributions.item(), got.base.item()) == (0.01, 3.5)
    assert coarsened_explanation(parts, ROUNDED, NUMBERS).contributions.item() == 0.012
    check_explained(ROUNDED, "ann")
    with pytest.raises(Forbidden, match="ann is given classes alone, and not why"):
        check_explained(TOP1, "ann")


def test_whoever_has_classes_alone_is_not_given_scores_or_tensors():
    for method in ("predict", "predict_proba"):
        check_method(TOP1, method, CLASSES, "ann")
    check_method(ROUNDED, "raw_scores", CLASSES, "ann")
    with pytest.raises(Forbidden, match="none of the raw scores"):
        check_method(TOP1, "raw_scores", CLASSES, "ann")
    with pytest.raises(Forbidden, match="gives tensors without any"):
        check_method(TOP1, "predict", Output("tensors"), "ann")


def test_what_a_caller_brings_counts_before_its_name_and_that_before_all_others():
    details = Details(ROUNDED, {"ann": TOP1})
    assert details.of(Caller("bob")) == ROUNDED
    assert details.of(Caller("ann")) == TOP1
    assert details.of(Caller("ann", detail=FULL)) == FULL
    assert EVERYTHING.of(Caller("ann")) == FULL
