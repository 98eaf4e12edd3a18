"""A model that is far worse on its own data than it should be is pointed out."""

import numpy as np

from serve_app.models.plausibility import agreement, implausible

TRUTH = np.array([0, 1] * 50)


def test_agreement_is_accuracy_of_classes_and_r2_of_numbers():
    assert agreement(np.array(["yes", "no"]), ["yes", "yes"]) == 0.5
    assert agreement(np.array(["yes", "no"]), [1, 1], ["no", "yes"]) == 0.5
    assert agreement(np.array([1.0, 2.0, 3.0]), [1.0, 2.0, 6.0]) == 1 - 9 / 14


def test_a_model_as_good_as_it_should_be_is_no_news():
    said = np.where(np.arange(100) < 90, TRUTH, 1 - TRUTH)
    assert implausible(said, TRUTH, (0, 1), {"accuracy": 0.88}) is None
    assert implausible(TRUTH + 0.01, TRUTH, (), {"r2": 0.9}) is None


def test_far_below_its_cross_validated_score_is_a_warning_with_both_numbers():
    said = np.where(np.arange(100) < 60, TRUTH, 1 - TRUTH)
    warning = implausible(said, TRUTH, (0, 1), {"accuracy": 0.88})
    assert "accuracy 0.600" in warning
    assert "0.880" in warning


def test_worse_than_knowing_nothing_is_a_warning_without_any_score_to_compare():
    assert "less than the 0.500" in implausible(1 - TRUTH, TRUTH, (0, 1), {})
    assert "r2 -3.000" in implausible(1 - TRUTH, TRUTH, (), {})


def test_what_cannot_be_compared_gives_no_warning():
    assert implausible(np.zeros((100, 2)), TRUTH, (), {}) is None
    assert implausible(np.zeros(100), np.ones(100), (), {}) is None
