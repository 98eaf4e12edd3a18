"""Each labelled row counts once, in the order of the predictions, also over a restart."""

import json

import numpy as np
import pytest

from serve_app.core.labelled import LabelledRow, PredictedRow
from serve_app.core.signature import Output
from serve_app.errors import InvalidInput
from serve_app.monitoring.concept.follower import (
    MAX_VARIANTS,
    SCALE_ROWS,
    ConceptFollower,
    ConceptHistory,
    cannot_be_watched,
)
from serve_app.monitoring.concept.watcher import ConceptWatcher

CLASSES = Output("classification", labels=("no", "yes"))
NUMBERS = Output("regression")


def row(number, value, truth, variants=("m@1",), at_s=None):
    at_s = 1000.0 + number if at_s is None else at_s
    given = PredictedRow(f"p-{number}", 0, at_s, variants, value)
    return LabelledRow(given, truth, None, 60.0, late=False)


def rising(seed=1, n=1500, **more):
    """Answers `yes`, wrong in 10 % and after two thirds of the rows in 50 %."""
    rng = np.random.default_rng(seed)
    wrong = rng.random(n) < np.where(np.arange(n) < 2 * n // 3, 0.1, 0.5)
    return [row(i, "yes", "no" if wrong[i] else "yes", **more) for i in range(n)]


def follower():
    return ConceptFollower("fraud", ConceptWatcher())


def no_scale(_):
    return None


def test_a_rise_is_known_and_stands_for_a_time_while_its_version_is_asked():
    one = follower()
    one.take(rising(), 2600.0, CLASSES, no_scale)
    assert one.position_s == 2600.0
    assert one.rows == {"m@1": 1500}
    assert set(one.detected) == {("m@1", "adwin"), ("m@1", "page_hinkley")}
    standing = one.history.rises(1000.0, {"m@1", "m@2"})
    assert {some[0].stream for some in standing} == {"error", "error of yes"}
    assert all(2000 < some[-1].at_s < 2300 for some in standing)
    assert one.history.rises(1000.0, {"m@2"}) == []
    assert one.history.rises(100.0, {"m@1"}) == []


def test_rows_that_are_taken_part_by_part_say_the_same_over_restarts():
    whole = follower()
    whole.take(rising(), 2600.0, CLASSES, no_scale)
    parted, rows = follower(), rising()
    for start in range(0, 1500, 130):
        parted.take(rows[start : start + 130], 1000.0 + start + 130, CLASSES, no_scale)
        again = follower()
        assert again.restore(json.loads(json.dumps(parted.state()))) == []
        parted = again
    assert parted.events == whole.events
    assert (parted.rows, parted.detected, parted.taken) == (
        whole.rows,
        whole.detected,
        whole.taken,
    )
    assert ConceptHistory.of_state(parted.state()) == parted.history


def test_rows_of_a_request_are_taken_in_their_order():
    def rows(at_s):
        for number, one in enumerate(rising()):
            given = PredictedRow("p", number, at_s, ("m@1",), one.prediction.value)
            yield LabelledRow(given, one.truth, None, 1.0, late=False)

    together, apart = follower(), follower()
    together.take(rows(1000.0), 1001.0, CLASSES, no_scale)
    apart.take(rising(), 2600.0, CLASSES, no_scale)
    assert [event.change for event in together.events] == [event.change for event in apart.events]


def test_numbers_are_measured_in_the_unit_of_registration():
    rng = np.random.default_rng(2)
    errors = np.where(np.arange(1500) < 1000, 1.0, 3.0) * rng.normal(size=1500)
    rows = [row(i, float(error), 0.0) for i, error in enumerate(errors)]
    one = follower()
    one.take(rows, 3000.0, NUMBERS, lambda version: {"m@1": 1.0}[version])
    assert one.rows == {"m@1": 1500}
    (first, *_) = one.history.rises(1e9, {"m@1"})[-1]
    assert first.at_s > 2000


def test_where_the_unit_is_not_known_the_first_rows_say_it():
    rng = np.random.default_rng(3)
    rows = [row(i, float(error), 0.0) for i, error in enumerate(rng.normal(0, 1000.0, 500))]
    one = follower()
    one.take(rows[:50], 1050.0, NUMBERS, no_scale)
    again = follower()
    again.restore(json.loads(json.dumps(one.state())))
    assert (again.rows, again.unit_rows) == ({}, {"m@1": 50})
    again.take(rows[50:], 3000.0, NUMBERS, no_scale)
    assert (again.rows, again.unit_rows) == ({"m@1": 500 - SCALE_ROWS}, {})
    assert again.events == []


def test_what_is_no_error_is_left_out():
    one = follower()
    rows = [row(0, "x", 1.0), row(1, 1.0, "?"), row(2, 1.0, 2.0), row(3, 1.0, None)]
    one.take(rows, 3000.0, NUMBERS, lambda _: 1.0)
    assert (one.left_out, one.rows) == (2, {"m@1": 1})


def test_variants_are_forgotten_when_others_have_rows():
    one = follower()
    for number in range(MAX_VARIANTS + 5):
        one.take([row(number, "yes", "yes", (f"m@{number}",))], 1001.0 + number, CLASSES, no_scale)
    assert len(one.rows) == MAX_VARIANTS
    assert "m@0" not in one.rows
    assert len(json.dumps(one.state())) < 500_000


@pytest.mark.parametrize("body", [{}, {"events": [{}]}, {"position_s": None, "events": 3}])
def test_a_state_that_is_none_changes_nothing(body):
    one = follower()
    one.take(rising(n=20), 1100.0, CLASSES, no_scale)
    before = one.state()
    with pytest.raises(InvalidInput, match="not readable"):
        one.restore(body)
    with pytest.raises(InvalidInput, match="not readable"):
        ConceptHistory.of_state(body)
    assert one.state() == before


def test_answers_of_several_parts_are_not_watched():
    assert cannot_be_watched(CLASSES) is cannot_be_watched(NUMBERS) is None
    assert "one class or one number" in cannot_be_watched(Output("regression", width=2))
