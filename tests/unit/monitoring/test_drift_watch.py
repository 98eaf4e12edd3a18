"""Each window is judged once, when it has closed; alarms need several that say so."""

import numpy as np
import pytest

from serve_app.core.columns import Columns
from serve_app.monitoring.binning import Binner
from serve_app.monitoring.drift.settings import DriftSettings
from serve_app.monitoring.drift_watch import DriftWatch
from serve_app.monitoring.profile.build import profile_of_rows
from serve_app.monitoring.window import Series
from serve_app.monitoring.windows import Delta, Merged

NOON = 1_790_000_000 // 86_400 * 86_400 + 43_200.0
HOUR_S = 3_600


def columns_of(seed, shift=0.0, rows=4_000):
    values = np.random.default_rng(seed).normal(0.0, 1.0, (rows, 2))
    values[:, 1] += shift
    return Columns.from_block(("age", "dose"), values)


BINNER = Binner(profile_of_rows(columns_of(0, rows=10_000), None))
SERIES = Series("risk", "m@1", BINNER.layout.digest)


class Hours:
    """Windows of an hour each, and what is judged of them."""

    def __init__(self):
        self.now_s, self.sequence = NOON, 0
        self.windows = Merged(lambda: self.now_s, lambda: self.now_s - NOON)
        self.watch = DriftWatch(DriftSettings(), length_s=HOUR_S, grace_s=30.0)

    def hour(self, shift, rows=4_000):
        self.sequence += 1
        vector = BINNER.count(columns_of(self.sequence, shift, rows)).vector
        self.windows.take("g", self.sequence, [Delta(SERIES, self.now_s + 1, vector)])
        self.now_s += HOUR_S

    def judge(self):
        return self.watch.judge(self.windows, {SERIES: BINNER.layout}, self.now_s)

    def alarms(self):
        standing = self.watch.standing.get(SERIES)
        return () if standing is None else standing.alarming(self.watch.settings)


@pytest.fixture
def hours():
    return Hours()


def test_a_window_is_judged_once_and_not_before_it_closed(hours):
    hours.hour(0.0)
    assert hours.judge() == 0
    hours.now_s += 31
    assert hours.judge() == 1
    assert hours.judge() == 0
    standing = hours.watch.standing[SERIES]
    assert (standing.start_s, standing.rows) == (NOON, 4_000)


def test_two_windows_that_drifted_are_an_alarm_and_one_is_none(hours):
    for shift in (0.0, 0.8):
        hours.hour(shift)
    hours.hour(0.8)
    assert hours.judge() == 2
    assert hours.alarms() == ()
    hours.hour(0.8)
    assert hours.judge() == 1
    assert hours.alarms() == (("dose", "distribution"),)


def test_an_alarm_ends_when_windows_are_as_the_reference_again(hours):
    for shift in (0.8, 0.8, 0.0, 0.0, 0.0):
        hours.hour(shift)
    hours.judge()
    assert hours.alarms() == ()


def test_whoever_starts_next_knows_the_alarms_and_judges_nothing_again(hours):
    for shift in (0.8, 0.8, 0.8):
        hours.hour(shift)
    hours.judge()
    former = hours.watch
    hours.watch = DriftWatch(DriftSettings(), length_s=HOUR_S, grace_s=30.0)
    hours.watch.restore(former.to_json())
    assert hours.alarms() == (("dose", "distribution"),)
    hours.now_s += 31
    assert hours.judge() == 1
    assert hours.watch.to_json()[0][0] == list(SERIES)


def test_a_series_that_nobody_knows_any_more_is_not_judged(hours):
    hours.hour(0.0)
    hours.now_s += 31
    assert hours.watch.judge(hours.windows, {}, hours.now_s) == 0
    assert hours.watch.standing == {}


def test_alarms_of_a_series_that_nobody_asks_any_more_end(hours):
    for shift in (0.8, 0.8, 0.8):
        hours.hour(shift)
    hours.judge()
    assert hours.alarms()
    hours.watch.judge(hours.windows, {}, hours.now_s)
    assert hours.watch.standing == {}


def test_alarms_stay_while_a_profile_cannot_be_read(hours):
    for shift in (0.8, 0.8, 0.8):
        hours.hour(shift)
    hours.judge()
    hours.now_s += 31
    assert hours.watch.judge(hours.windows, {SERIES: None}, hours.now_s) == 0
    assert hours.alarms() == (("dose", "distribution"),)
    assert hours.judge() == 1


def test_whoever_starts_next_says_again_what_the_last_window_said(hours):
    hours.hour(0.8, rows=4_000)
    hours.now_s += 31
    hours.judge()
    former = hours.watch
    hours.watch = DriftWatch(DriftSettings(), length_s=HOUR_S, grace_s=30.0)
    hours.watch.restore(former.to_json())
    assert hours.judge() == 0
    assert hours.watch.standing == former.standing


def test_few_rows_are_not_judged_and_change_no_alarm(hours):
    for shift in (0.8, 0.8, 0.8):
        hours.hour(shift)
    hours.hour(0.0, rows=50)
    hours.hour(0.0, rows=50)
    hours.judge()
    (dose,) = [f for f in hours.watch.standing[SERIES].verdict.features if f.name == "dose"]
    assert "too few rows" in dose.not_judged
    assert hours.alarms() == (("dose", "distribution"),)
