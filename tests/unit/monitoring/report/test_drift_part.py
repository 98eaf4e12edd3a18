"""Windows are judged again, each in its column, and counted rows are those that NumPy counts."""

import numpy as np
import pytest

from serve_app.monitoring.binning import Counts
from serve_app.monitoring.comparison import Comparison
from serve_app.monitoring.drift.distances import psi
from serve_app.monitoring.drift.settings import DriftSettings
from serve_app.monitoring.report.drift_part import drift_of, window_length
from tests.unit.monitoring.report.reports import (
    HOUR_S,
    START_S,
    binner,
    columns_of,
    drift,
    windows_of,
)

DAY_S = 86_400


def band(made, name, *, prediction=False):
    return next(b for b in made.heat.bands if (b.name, b.prediction) == (name, prediction))


def shape(made, name):
    return next(d for d in made.distributions if d.name == name)


def test_scores_stand_in_the_columns_of_their_windows_with_gaps_where_nothing_came():
    frames = [columns_of(1), None, columns_of(2, shift=15.0), columns_of(3, rows=40), None]
    made = drift(frames)
    age = band(made, "age")
    assert made.heat.rows == (1_500, 0, 1_500, 40, 0)
    assert [score is None for score in age.scores] == [False, True, False, True, True]
    assert age.drifted == (2,)
    counter = binner()
    counts = [counter.count(frame) for frame in (columns_of(0), frames[2])]
    cells = [Counts(counter.layout, one.vector).feature("age").counts for one in counts]
    # Bins of at least 20 rows of the reference are those of PSI, which all but the tails are.
    assert age.scores[2] == pytest.approx(psi(*cells) / 0.1, rel=0.1)


def test_the_map_is_what_each_window_says_by_itself():
    frames = [columns_of(at, shift=at) for at in range(1, 5)]
    made = drift(frames)
    counter = binner()
    comparison = Comparison(counter.layout)
    for at, window in enumerate(windows_of(counter, frames)):
        verdict = comparison.judge(Counts(counter.layout, window.vector), DriftSettings())
        for one in verdict.features:
            expected = one.distances[one.distance] / one.threshold
            assert band(made, one.name).scores[at] == pytest.approx(expected, abs=1e-3)


def test_distributions_are_of_the_newest_windows_that_have_enough_rows():
    frames = [columns_of(at) for at in range(1, 5)]
    made = drift(frames)
    assert made.current_rows == 3_000
    assert made.current_from_s == START_S + 2 * HOUR_S
    assert made.current_to_s == START_S + 4 * HOUR_S
    age = shape(made, "age")
    values = np.concatenate([frames[2]["age"], frames[3]["age"]])
    inner, _ = np.histogram(values, age.edges)
    below, above = (values < age.edges[0]).sum(), (values > age.edges[-1]).sum()
    assert age.current == (below, *inner, above)
    assert sum(age.reference) == 1_500
    plan = shape(made, "plan")
    plans = np.concatenate([frames[2]["plan"], frames[3]["plan"]])
    counts = dict(zip(plan.labels, plan.current, strict=True))
    assert {name: counts[name] for name in ("basic", "plus", "pro")} == {
        name: int((plans == name).sum()) for name in ("basic", "plus", "pro")
    }
    assert shape(made, "paid").labels[:2] == ("false", "true")


def test_missing_values_and_predictions_are_counted_too():
    made = drift([columns_of(1, missing=0.3), columns_of(2, missing=0.3)])
    age = shape(made, "age")
    missing = sum(int(np.isnan(columns_of(at, missing=0.3)["age"]).sum()) for at in (1, 2))
    assert age.missing == (0, missing)
    summary = next(one for one in made.features if one.name == "age")
    rate = next(one for one in summary.rates if one.what == "missing")
    assert rate.current == pytest.approx(missing / 3_000)
    assert rate.drifted
    score = shape(made, "score:well")
    assert score.prediction
    assert len(score.edges) - 1 == 25
    assert sum(score.current) == 3_000


def test_alarms_begin_and_end_as_two_of_three_windows_say():
    moved = {2, 3, 4}
    frames = [columns_of(at + 1, shift=15.0 if at in moved else 0.0) for at in range(8)]
    made = drift(frames)
    spans = [one for one in made.alarms if (one.name, one.what) == ("age", "distribution")]
    # Windows 2 and 3 raise it once 3 is over; 5 and 6 end it once 6 is over.
    assert [(one.since_s, one.until_s) for one in spans] == [
        (START_S + 4 * HOUR_S, START_S + 7 * HOUR_S)
    ]
    standing = drift(frames[:5]).alarms
    assert (START_S + 4 * HOUR_S, None) in [(one.since_s, one.until_s) for one in standing]


def test_what_drifted_most_comes_first_and_there_is_a_bound(monkeypatch):
    monkeypatch.setattr("serve_app.monitoring.report.drift_part.MOST_BANDS", 1)
    monkeypatch.setattr("serve_app.monitoring.report.drift_part.MOST_DISTRIBUTIONS", 1)
    made = drift([columns_of(1, shift=15.0)])
    features = [one.name for one in made.heat.bands if not one.prediction]
    assert (features, made.heat.left_out) == (["age"], 2)
    assert [one.name for one in made.distributions if not one.prediction] == ["age"]
    assert len([one for one in made.features if not one.prediction]) == 3


def test_a_distance_without_a_bound_is_a_number_all_the_same():
    far = columns_of(1, shift=10_000.0)
    made = drift([far], DriftSettings(floor=0.0))
    assert band(made, "age").scores == (999.0,)


def test_without_windows_there_is_nothing():
    layout = binner().layout
    assert drift_of(layout, [], DriftSettings(), start_s=START_S, columns=3) is None


@pytest.mark.parametrize(
    ("span_s", "judged_s", "most", "length_s"),
    [
        (3_600, 60, 200, 60),
        (3 * 3_600, 60, 200, 300),
        (7 * DAY_S, 60, 200, 3_600),
        (7 * DAY_S, 3_600, 200, 3_600),
        (7 * DAY_S, 3_600, 20, DAY_S),
        (30 * DAY_S, 3_600, 200, DAY_S),
        (3_600, DAY_S, 200, DAY_S),
        (900 * DAY_S, 60, 200, DAY_S),
    ],
)
def test_windows_are_as_those_that_are_judged_or_longer(span_s, judged_s, most, length_s):
    assert window_length(span_s, judged_s, most) == length_s
