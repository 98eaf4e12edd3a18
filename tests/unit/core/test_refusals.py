"""A refusal names a row, and the row keeps its meaning for whoever is told."""

import pickle

import pytest

from serve_app.core.refusals import moved, refused, row_alone
from serve_app.errors import InvalidInput, RowsRefused


def test_a_refusal_tells_the_row_the_column_and_the_cause():
    error = refused("no date", row=3, column="booked", seen="'soon'")
    assert error.message == (
        "the model does not take these rows: row 3, column 'booked', 'soon': no date"
    )
    assert refused("no date", row=3).message == "the model does not take these rows: row 3: no date"


def test_a_refusal_of_another_row_is_the_same_but_for_its_number():
    error = pickle.loads(pickle.dumps(refused("no date", row=3, column="b", seen="'soon'")))
    assert moved(error, 1).details == refused("no date", row=1, column="b", seen="'soon'").details


@pytest.mark.parametrize(
    ("error", "row"),
    [
        (refused("no", row=3), 3),
        (refused("no", row=3, rows_before=2), None),
        (RowsRefused("no"), None),
        (InvalidInput("no", row=3), None),
    ],
)
def test_only_a_row_that_is_refused_alone_is_known_to_be_at_fault(error, row):
    assert row_alone(error) == row
