"""Windows held against the profile that they were counted by."""

import numpy as np
import pytest

from serve_app.core.columns import Columns
from serve_app.monitoring.binning import Binner, Layout
from serve_app.monitoring.comparison import Comparison
from serve_app.monitoring.drift.alarms import Alarms
from serve_app.monitoring.drift.settings import DriftSettings
from serve_app.monitoring.profile.build import profile_of

SETTINGS = DriftSettings()


def names(numbers):
    return np.array([f"c{number}" for number in numbers], dtype=object)


def orders(random, rows):
    """Numbers of many values, of few, mostly zero and sometimes missing; names of many kinds."""
    sometimes = random.normal(size=rows)
    sometimes[random.random(rows) < 0.1] = np.nan
    return {
        "normal": random.normal(size=rows),
        "few": random.poisson(3, rows),
        "zeros": np.where(random.random(rows) < 0.8, 0, random.normal(size=rows)),
        "sometimes": sometimes,
        "zipf": names(random.zipf(1.6, rows).clip(max=5000)),
        "geometric": names(random.geometric(0.02, rows)),
        "binary": names(random.random(rows) < 0.3),
    }


def comparison(random, rows):
    profile = profile_of(Columns.of(orders(random, rows)))
    return Comparison(Layout(profile)), Binner(profile)


@pytest.mark.parametrize("reference_rows", [300, 2000, 10_000])
def test_columns_of_all_kinds_stay_quiet_without_drift(reference_rows):
    standing = 0
    for seed in range(3):
        random = np.random.default_rng([seed, reference_rows])
        compared, binner = comparison(random, reference_rows)
        alarms = Alarms()
        for _ in range(15):
            counts = binner.count(Columns.of(orders(random, 1000)))
            alarms = alarms.after(compared.judge(counts, SETTINGS).features, SETTINGS)
            standing += bool(alarms.standing(SETTINGS))
    assert standing == 0


@pytest.mark.parametrize(
    ("column", "change", "what"),
    [
        ("normal", lambda rows: rows + 0.5, "distribution"),
        ("normal", lambda rows: np.where(rows > 1.5, np.inf, rows), "out_of_range"),
        ("few", lambda rows: rows + 1, "distribution"),
        ("few", lambda rows: np.where(rows > 4, 2.5, rows), "unseen"),
        ("zeros", np.abs, "distribution"),
        ("sometimes", np.nan_to_num, "missing"),
        ("zipf", lambda rows: np.where(rows == "c3", "c1", rows), "distribution"),
        ("geometric", lambda rows: np.where(rows < "c2", "new", rows), "unseen"),
        ("binary", lambda rows: np.where(rows == "cTrue", "cFalse", rows), "distribution"),
    ],
)
def test_what_changes_is_seen_and_nothing_else(column, change, what):
    random = np.random.default_rng(7)
    compared, binner = comparison(random, 10_000)
    rows = orders(random, 3000)
    rows[column] = change(rows[column])
    verdict = compared.judge(binner.count(Columns.of(rows)), SETTINGS)
    assert verdict.drifted() == (column,)
    (one,) = [one for one in verdict.features if one.name == column]
    assert one.findings()[what]


def test_numbers_of_few_values_keep_their_order():
    random = np.random.default_rng(8)
    compared, binner = comparison(random, 10_000)
    rows = orders(random, 1000)
    verdict = compared.judge(binner.count(Columns.of(rows)), SETTINGS)
    few = next(one for one in verdict.features if one.name == "few")
    assert {"kolmogorov_smirnov", "wasserstein"} <= set(few.distances)


def test_counts_of_another_profile_are_refused():
    random = np.random.default_rng(9)
    compared, _ = comparison(random, 300)
    _, other = comparison(random, 300)
    with pytest.raises(ValueError, match="different profiles"):
        compared.judge(other.count(Columns.of(orders(random, 50))), SETTINGS)
