"""The rows that every dialect is asked with, and what has to become of them."""

from typing import NamedTuple

ACCEPTED, REFUSED, EITHER = "accepted", "refused", "either"


class Table(NamedTuple):
    """Columns of cells, and whether they fit the schema of the endpoint `mixed`.

    `ragged` leaves the last cell of the last row out; of `numeric`, the endpoint of the same
    name takes the first two columns, where a dialect has numbers alone.
    """

    columns: dict
    expected: str
    ragged: bool = False
    numeric: bool = True

    @property
    def rows(self):
        return len(next(iter(self.columns.values())))

    def only_numbers(self):
        """The columns that the endpoint `numeric` has, and strangers."""
        kept = {n: v for n, v in self.columns.items() if n not in {"place", "smoker"}}
        return self._replace(columns=kept)


ROW = {"age": 63, "dose": 2.5, "place": "Köln", "smoker": True}


def table(expected=ACCEPTED, *, rows=1, **changes):
    """One row, or several alike, with other cells in some columns; `...` leaves a column out."""
    cells = {**ROW, **changes}
    columns = {name: [value] * rows for name, value in cells.items() if value is not ...}
    numeric = not changes.keys() & {"place", "smoker"}
    return Table(columns, expected, numeric=numeric)


TABLES = {
    "one_row": table(),
    "two_rows": Table(
        {"age": [63, 41], "dose": [2.5, 0.5], "place": ["a", "b"], "smoker": [True, False]},
        ACCEPTED,
    ),
    "no_rows": table(rows=0),
    "rows_10000": table(rows=10_000),
    "rows_10001": table(REFUSED, rows=10_001),
    "reordered": Table(
        {"smoker": [True], "dose": [2.5], "place": ["a"], "age": [63]}, ACCEPTED, numeric=True
    ),
    "ragged": Table(
        {"age": [63, 41], "dose": [2.5, 0.5], "place": ["a", "b"], "smoker": [True, False]},
        REFUSED,
        ragged=True,
    ),
    "column_missing": table(REFUSED, age=...),
    "column_unknown": table(REFUSED, weight=80.5),
    "null_where_it_may_be": table(dose=None),
    "null_where_it_may_not_be": table(REFUSED, age=None),
    "nan": table(dose=float("nan")),
    "infinity": table(REFUSED, dose=float("inf")),
    "minus_infinity": table(REFUSED, dose=float("-inf")),
    "empty_string": table(place=""),
    "string_for_number": table(REFUSED, dose="abc"),
    "number_for_string": table(REFUSED, place=5),
    "int_for_float": table(dose=2),
    "whole_float_for_int": table(age=63.0),
    "fraction_for_int": table(REFUSED, age=63.5),
    "int_of_54_bits": table(age=2**53 + 1),
    "int_beyond_int64": table(REFUSED, age=2**63),
    "int_beyond_uint64": table(REFUSED, age=2**64),
    "bool_for_number": table(REFUSED, dose=True),
    "int_for_bool": table(REFUSED, smoker=1),
    "unicode": table(place="日本 \U0001f600 é"),
}
"""Cases by name. A dialect that cannot say one, or says it so that it fits, tells so itself."""
