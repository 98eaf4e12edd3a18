"""How honest shares are and how far answers lie apart, by numbers that were computed by hand."""

import numpy as np
import pytest

from serve_app.lifecycle.answers import calibration_error, distance
from serve_app.models.training.metrics import Predicted


def of_two(*positive):
    shares = np.array(positive)
    return Predicted((shares > 0.5).astype(int), np.column_stack([1 - shares, shares]))


def test_shares_that_come_true_as_often_as_they_say_have_no_error():
    truth = np.array([1] * 3 + [0] * 7)
    assert calibration_error(truth, of_two(*[0.3] * 10)) == pytest.approx(0.0)


def test_the_error_is_the_mean_over_bins_by_their_rows():
    # Bin of 0.2: 4 rows, half are true, off by 0.3. Bin of 0.9: 6 rows, all true, off by 0.1.
    truth = np.array([1, 1, 0, 0, 1, 1, 1, 1, 1, 1])
    predicted = of_two(*[0.2] * 4, *[0.9] * 6)
    assert calibration_error(truth, predicted) == pytest.approx(0.4 * 0.3 + 0.6 * 0.1)


def test_of_several_classes_it_is_the_mean_over_them():
    # Of three classes of a third each: class 0 is always true, off by 2/3; the others by 1/3.
    shares = np.full((5, 3), 1 / 3)
    predicted = Predicted(np.zeros(5, dtype=int), shares)
    expected = (2 / 3 + 1 / 3 + 1 / 3) / 3
    assert calibration_error(np.zeros(5, dtype=int), predicted) == pytest.approx(expected)


def test_models_without_shares_cannot_be_judged():
    assert calibration_error(np.array([1]), Predicted(np.array([1]))) is None


def test_answers_are_as_far_apart_as_probability_would_have_to_move():
    one, other = of_two(0.9, 0.5), of_two(0.4, 0.5)
    assert distance(one, other, 2) == pytest.approx((0.5 + 0.0) / 2)
    assert distance(one, one, 2) == 0.0
    assert distance(of_two(1.0), of_two(0.0), 2) == 1.0


def test_without_shares_it_is_how_often_another_class_is_named():
    one, other = (Predicted(np.array(values)) for values in ([0, 1, 2, 2], [0, 1, 1, 2]))
    assert distance(one, other, 3) == 0.25


def test_of_numbers_it_is_in_standard_deviations_of_the_other_s():
    one, other = (Predicted(np.array(values)) for values in ([1.0, 3.0], [0.0, 4.0]))
    assert distance(one, other, 0) == pytest.approx(1.0 / 2.0)
    constant = Predicted(np.array([1.0, 1.0]))
    assert distance(constant, constant, 0) == 0.0
    assert distance(one, constant, 0) == float("inf")
