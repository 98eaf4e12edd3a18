"""Sudden changes of data against the windows before."""

import numpy as np
import pytest
from scipy.stats import median_abs_deviation

from serve_app.core.columns import Columns
from serve_app.monitoring.anomalies import (
    AnomalySettings,
    ColumnShares,
    column_anomaly,
    column_shares,
    robust_z,
    volume_anomaly,
)
from serve_app.monitoring.binning import Binner
from serve_app.monitoring.profile.build import profile_of

SETTINGS = AnomalySettings()
RANDOM = np.random.default_rng(0)


def test_the_robust_z_is_by_the_median_distance_of_scipy():
    history = RANDOM.normal(100, 5, 51)
    expected = (130 - np.median(history)) / median_abs_deviation(history, scale="normal")
    assert robust_z(130, history, 0.0) == pytest.approx(expected, rel=1e-4)
    assert robust_z(130, [100.0] * 9, 10.0) == pytest.approx(3.0)
    assert robust_z(100, [100.0] * 9, 0.0) == 0
    assert robust_z(99, [100.0] * 9, 0.0) == -1e6


@pytest.mark.parametrize(
    ("rows", "what"),
    [(0, "stopped"), (300, "fell"), (2_500, "rose"), (1_000, None), (700, None), (1_800, None)],
)
def test_rows_that_stop_or_surge_are_an_anomaly(rows, what):
    history = RANDOM.poisson(1_000, 24).tolist()
    anomaly = volume_anomaly(rows, history, SETTINGS)
    assert (anomaly and anomaly.what) == what


def test_rows_that_always_come_and_go_are_none():
    hours = [0, 100, 2_000, 5_000, 2_000, 100] * 4
    assert volume_anomaly(0, hours, SETTINGS) is None
    assert volume_anomaly(5_000, hours, SETTINGS) is None


def test_few_rows_or_windows_say_nothing():
    assert volume_anomaly(0, [20] * 24, SETTINGS) is None
    assert volume_anomaly(0, [1_000] * 5, SETTINGS) is None


def test_poisson_traffic_raises_hardly_any_alarm():
    alarms = sum(
        volume_anomaly(int(rows), RANDOM.poisson(200, 24).tolist(), SETTINGS) is not None
        for rows in RANDOM.poisson(200, 2_000)
    )
    assert alarms == 0


def shares(missing, fullest=0.2, rows=1_000):
    return ColumnShares(rows, missing, fullest)


def test_a_column_that_is_suddenly_missing_is_an_anomaly():
    history = [shares(RANDOM.binomial(1_000, 0.02) / 1_000) for _ in range(24)]
    anomaly = column_anomaly("age", shares(0.4), history, SETTINGS)
    assert (anomaly.subject, anomaly.what, anomaly.value) == ("age", "missing", 0.4)
    assert anomaly.usual == pytest.approx(0.02, abs=0.005)
    assert column_anomaly("age", shares(1.0, 0.0), history, SETTINGS).what == "missing"
    assert column_anomaly("age", shares(0.03), history, SETTINGS) is None
    assert column_anomaly("age", shares(0.4, rows=99), history, SETTINGS) is None
    assert column_anomaly("age", shares(0.4), history[:5], SETTINGS) is None


def test_a_column_that_is_missing_no_more_is_one_too():
    history = [shares(0.5)] * 24
    assert column_anomaly("age", shares(0.0), history, SETTINGS).what == "missing"


def test_a_column_that_stands_still_is_an_anomaly_unless_it_did_before():
    history = [shares(0.0, 0.3)] * 24
    assert column_anomaly("age", shares(0.0, 1.0), history, SETTINGS).what == "constant"
    assert column_anomaly("age", shares(0.0, 0.999), history, SETTINGS) is None
    rare = [shares(0.0, 0.99)] * 24
    assert column_anomaly("flag", shares(0.0, 1.0), rare, SETTINGS) is None
    once = [*history, shares(0.0, 1.0)]
    assert column_anomaly("age", shares(0.0, 1.0), once, SETTINGS) is None


def test_shares_are_those_of_the_counts():
    reference = Columns.of({
        "age": RANDOM.normal(size=500),
        "city": np.array(["rome", "oslo"] * 250, dtype=object),
    })  # fmt: skip
    binner = Binner(profile_of(reference))
    rows = Columns.of({
        "age": np.array([np.nan, np.inf, 50.0, 50.0]),
        "city": np.array(["rome", "rome", "rome", None], dtype=object),
    })  # fmt: skip
    by_name = column_shares(binner.layout, binner.count(rows).vector)
    assert by_name["age"] == ColumnShares(4, 0.25, pytest.approx(2 / 3))
    assert by_name["city"] == ColumnShares(4, 0.25, 1.0)
