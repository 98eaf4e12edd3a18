"""Texts of dates and times are read exactly, or refused with what would be right."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core import times
from serve_app.core.schema import Policy, Schema
from serve_app.core.signature import Column
from serve_app.errors import InvalidInput

CLOCK = Column("when", "datetime64[us]")
MOMENT = Column("when", "datetime64[us]", zone="Europe/Berlin")
DAY = Column("when", "datetime64[D]")


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("2024-05-01", "2024-05-01T00:00:00"),
        ("2024-05-01T12:30", "2024-05-01T12:30:00"),
        ("2024-05-01 12:30:15", "2024-05-01T12:30:15"),
        ("2024-05-01t12:30:15.25", "2024-05-01T12:30:15.250000"),
        ("2024-05-01T12:30:15,000000000", "2024-05-01T12:30:15"),
        ("9999-12-31", "9999-12-31T00:00:00"),
        ("0001-01-01", "0001-01-01T00:00:00"),
    ],
)
def test_a_date_time_without_a_zone_is_what_a_clock_shows(text: str, means: str) -> None:
    assert times.moment(text, CLOCK) == np.datetime64(means, "us")


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-01T10:30:15Z",
        "2024-05-01T12:30:15+02:00",
        "2024-05-01T12:30:15+0200",
        "2024-05-01T12:30:15+02",
        "2024-05-01T05:00:15-05:30",
        "2024-05-01 10:30:15.000z",
    ],
)
def test_a_date_time_with_an_offset_is_a_moment(text: str) -> None:
    assert times.moment(text, MOMENT) == np.datetime64("2024-05-01T10:30:15", "us")


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        ("yesterday", CLOCK, "an ISO 8601 date-time such as 2024-05-01T12:00:00"),
        ("", CLOCK, "an ISO 8601 date-time such as"),
        ("now", CLOCK, "an ISO 8601 date-time such as"),
        ("NaT", CLOCK, "an ISO 8601 date-time such as"),
        ("2024", CLOCK, "an ISO 8601 date-time such as"),
        ("01/05/2024", CLOCK, "an ISO 8601 date-time such as"),
        ("2024-05-01T12:00:00+02:99", CLOCK, "an ISO 8601 date-time such as"),
        ("٢٠٢٤-05-01", CLOCK, "an ISO 8601 date-time such as"),
        ("2024-02-30", CLOCK, "in the calendar"),
        ("2024-05-01T24:00:00", CLOCK, "in the calendar"),
        ("2024-05-01T12:00:60", CLOCK, "in the calendar"),
        ("2024-05-01T12:00:00Z", CLOCK, "without an offset, as in training"),
        ("2024-05-01T12:00:00", MOMENT, "with its offset such as 2024-05-01T12:00:00Z"),
        ("2024-05-01", MOMENT, "with its offset"),
        ("2024-05-01T12:00:00.1234567", CLOCK, "no finer than microseconds"),
        ("2024-05-01T12:00:00.5", Column("when", "datetime64[s]"), "no finer than seconds"),
        ("9999-12-31", Column("when", "datetime64[ns]"), "from 1677-09-22 to 2262-04-11"),
        ("2024-05-01T12:00:00", DAY, "an ISO 8601 date such as 2024-05-01, without a time"),
    ],
)
def test_what_is_no_value_is_refused_with_what_would_be(
    text: str, column: Column, expected: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        Schema([column], Policy()).validate({"when": ["2024-05-01", text]}, 2)
    found = [v for v in refused.value.details["violations"] if v["row"] == 1]
    assert [(v["column"], v["rule"]) for v in found] == [("when", "type")]
    assert expected in found[0]["expected"]


@pytest.mark.parametrize("value", [20240501, 1.5, True, ["2024-05-01"], {}])
def test_what_is_no_text_is_no_date(value: object) -> None:
    with pytest.raises(InvalidInput, match="an ISO 8601 date-time such as"):
        Schema([CLOCK], Policy()).validate({"when": [value]}, 1)


def test_a_null_is_no_time_where_the_column_takes_nulls() -> None:
    column = Column("when", "datetime64[ms]", nullable=True)
    columns, _ = Schema([column], Policy()).validate({"when": [None, "2024-05-01"]}, 2)
    assert columns["when"].dtype == "datetime64[ms]"
    assert columns["when"].tolist() == [None, dt.datetime(2024, 5, 1)]  # noqa: DTZ001
    with pytest.raises(InvalidInput, match="not null"):
        Schema([CLOCK], Policy()).validate({"when": [None]}, 1)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_category_that_is_a_date_is_known_and_another_is_warned_of(unit: str) -> None:
    column = Column("when", f"datetime64[{unit}]", categories=("2024-05-01", "2024-06-01T12:00"))
    sent = {"when": ["2024-06-01T12:00:00", "2024-05-01T00:00", "2024-05-02"]}
    _, warnings = Schema([column], Policy()).validate(sent, 3)
    assert [(warned.row, warned.rule) for warned in warnings] == [(2, "category")]


@given(st.datetimes(), st.sampled_from(["T", " "]))
def test_what_python_writes_is_read_as_numpy_reads_it(moment: dt.datetime, between: str) -> None:
    assert times.moment(moment.isoformat(between), CLOCK) == np.datetime64(moment, "us")


@given(st.lists(st.datetimes() | st.none(), max_size=5), st.booleans())
def test_what_is_written_is_read_as_the_same(
    moments: list[dt.datetime | None], zoned: bool
) -> None:
    array = np.array(moments, dtype="datetime64[us]")
    column = MOMENT if zoned else CLOCK
    again = times.array_of(times.texts(array, zoned=zoned), column)
    assert again.tobytes() == array.tobytes()
