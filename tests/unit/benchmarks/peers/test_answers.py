"""Answers beside those of scikit-learn."""

import numpy as np
import pytest

from benchmarks.peers import dialects
from benchmarks.peers.answers import Question, Said, Wrong, check, compare


def test_equal_probabilities_are_right_within_the_tolerance() -> None:
    expected = np.array([0.25, 0.5])
    assert compare(expected + 9e-7, expected) == ""
    assert "row 1" in compare(expected + np.array([0, 2e-6]), expected)


def test_not_a_number_is_wrong() -> None:
    assert "row 0" in compare(np.array([np.nan]), np.array([0.5]))


def test_another_number_of_rows_is_wrong() -> None:
    assert "1 probabilities for 2 rows" in compare(np.array([0.5]), np.array([0.5, 0.5]))


@pytest.mark.parametrize(
    ("status", "body", "what"),
    [
        (503, b"busy", "status 503: busy"),
        (200, b"[]", "0 probabilities"),
        (200, b"{", "an answer without"),
        (200, b"[[0.5, 0.4]]", "instead of"),
    ],
)
def test_a_failed_or_wrong_answer_names_the_server(status: int, body: bytes, what: str) -> None:
    question = Question(dialects.BENTOML, b"", np.array([0.5]))
    with pytest.raises(Wrong, match=r"^slow: ") as caught:
        check("slow", [Said(status, 0, body)], [question])
    assert what in str(caught.value)
