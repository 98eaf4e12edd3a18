"""Which errors of a row are watched."""

import pytest

from serve_app.errors import InvalidInput
from serve_app.monitoring.concept.errors import classification_errors, regression_errors


def test_a_wrong_class_is_an_error_and_one_of_that_answer():
    assert classification_errors("spam", "ham") == {"error": 1.0, "error of spam": 1.0}
    assert classification_errors(1, 1.0) == {"error": 0.0, "error of 1": 0.0}


def test_a_number_is_off_in_units_of_three_usual_errors():
    assert regression_errors(8.0, 5.0, 2.0) == {"error": 0.5, "too high": 0.5, "too low": 0.0}
    assert regression_errors(5.0, 8.0, 2.0)["too low"] == 0.5
    assert regression_errors(1e9, 8.0, 2.0) == {"error": 1.0, "too high": 1.0, "too low": 0.0}


@pytest.mark.parametrize(
    "numbers", [(1.0, 2.0, 0.0), (1.0, 2.0, float("inf")), (1.0, float("nan"), 1.0)]
)
def test_what_cannot_be_measured_is_refused(numbers):
    with pytest.raises(InvalidInput):
        regression_errors(*numbers)
