"""How often features alarm that drifted, and how often those that did not: seeded streams.

Each stream has references of its own, drawn like its windows, since a reference is a sample
too. DRIFT_WINDOWS=1000 runs every stream as long as the first of them.
"""

import os
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import stats

from serve_app.monitoring.drift.alarms import Alarms
from serve_app.monitoring.drift.distances import centres, psi
from serve_app.monitoring.drift.settings import DriftSettings
from serve_app.monitoring.drift.significance import psi_p
from serve_app.monitoring.drift.verdict import FeatureReference, FeatureWindow, judge

FEATURES = 20
REFERENCE_ROWS = 10_000
WINDOWS = int(os.environ.get("DRIFT_WINDOWS", "40"))
MANY_WINDOWS = 1000
SEEDS = 200
SETTINGS = DriftSettings()
JUDGED_ANYWAY = DriftSettings(minimum_rows=50, minimum_rate_rows=50)


@dataclass(frozen=True)
class Numbers:
    """A feature in the bins of its reference's quantiles."""

    reference: FeatureReference
    edges: np.ndarray

    def window(self, rows):
        places = np.searchsorted(self.edges, rows, side="right")
        # The largest value of the reference belongs to the last bin.
        places[rows == self.edges[-1]] -= 1
        counts = np.bincount(places, minlength=len(self.edges) + 1)
        return FeatureWindow(tuple(counts.tolist()))


def numbers(name, rows, bins=32):
    """A feature as its profile would have it: quantiles without repeats."""
    edges = np.unique(np.quantile(rows, np.linspace(0, 1, bins + 1)))
    empty = FeatureReference(name, "numbers", ())
    counts = Numbers(empty, edges).window(rows).counts
    return Numbers(
        FeatureReference(
            name, "numbers", counts, 0, tuple(centres(edges)), float(rows.std()),
            outside=(0, len(counts) - 1),
        ),
        edges,
    )  # fmt: skip


@dataclass(frozen=True)
class Categories:
    """A feature with a bin per category that the reference has, and one for all others."""

    reference: FeatureReference
    known: np.ndarray

    def window(self, rows):
        places = np.searchsorted(self.known, rows).clip(max=len(self.known) - 1)
        places[self.known[places] != rows] = len(self.known)
        return FeatureWindow(tuple(np.bincount(places, minlength=len(self.known) + 1).tolist()))


def categories(name, rows):
    """A feature as its profile would have it."""
    known, counts = np.unique(rows, return_counts=True)
    reference = FeatureReference(name, "categories", (*map(int, counts), 0), unseen=(len(counts),))
    return Categories(reference, known)


def independent(random, rows):
    return random.normal(size=(rows, FEATURES))


def correlated(random, rows):
    common = random.normal(size=(rows, 1))
    return 0.95 * common + 0.31 * random.normal(size=(rows, FEATURES))


def tied(random, rows):
    """Counts, numbers that are mostly zero, and rounded ones."""
    values = random.normal(size=(rows, FEATURES))
    values[:, :7] = random.poisson(2, size=(rows, 7))
    values[:, 7:14] = np.where(random.random((rows, 7)) < 0.8, 0, values[:, 7:14])
    values[:, 14:] = np.round(values[:, 14:] * 2)
    return values


def heavy_tailed(random, rows):
    return random.standard_cauchy(size=(rows, FEATURES))


def rare(random, rows):
    """Categories by Zipf's law: half of those in a reference come once or twice."""
    return random.zipf(1.6, size=(rows, FEATURES)).clip(max=5000)


def binary(random, rows):
    return (random.random((rows, FEATURES)) < np.linspace(0.001, 0.5, FEATURES)).astype(int)


def alarmed_windows(make, feature, window_rows, windows, settings, reference_rows):
    """How many windows have an alarm, of five references with windows of their own each."""
    alarms_stood = 0
    for seed in range(5):
        random = np.random.default_rng([seed, window_rows])
        reference = make(random, reference_rows)
        features = [feature(f"f{i}", reference[:, i]) for i in range(FEATURES)]
        references = [one.reference for one in features]
        alarms = Alarms()
        for _ in range(windows // 5):
            rows = make(random, window_rows)
            window = {one.reference.name: one.window(rows[:, i]) for i, one in enumerate(features)}
            alarms = alarms.after(judge(references, window, settings), settings)
            alarms_stood += bool(alarms.standing(settings))
    return alarms_stood


STREAMS = {
    "independent": (independent, numbers, 2000, SETTINGS, REFERENCE_ROWS),
    "100 rows": (independent, numbers, 100, SETTINGS, REFERENCE_ROWS),
    "500 rows": (independent, numbers, 500, SETTINGS, REFERENCE_ROWS),
    "5,000 rows": (independent, numbers, 5000, SETTINGS, REFERENCE_ROWS),
    "100 rows, judged anyway": (independent, numbers, 100, JUDGED_ANYWAY, REFERENCE_ROWS),
    "500 rows, judged anyway": (independent, numbers, 500, JUDGED_ANYWAY, REFERENCE_ROWS),
    "correlated": (correlated, numbers, 1000, SETTINGS, REFERENCE_ROWS),
    "heavy ties": (tied, numbers, 1000, SETTINGS, REFERENCE_ROWS),
    "heavy tails": (heavy_tailed, numbers, 1000, SETTINGS, REFERENCE_ROWS),
    "rare categories": (rare, categories, 1000, SETTINGS, REFERENCE_ROWS),
    "rare categories, 100 rows": (rare, categories, 100, JUDGED_ANYWAY, REFERENCE_ROWS),
    "two categories": (binary, categories, 200, SETTINGS, REFERENCE_ROWS),
    "small reference": (independent, numbers, 1000, SETTINGS, 300),
    "small reference, rare": (rare, categories, 1000, SETTINGS, 300),
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("stream", STREAMS)
def test_without_drift_at_most_one_window_in_a_hundred_alarms(stream):
    make, feature, window_rows, settings, reference_rows = STREAMS[stream]
    number = alarmed_windows(make, feature, window_rows, WINDOWS, settings, reference_rows)
    print(f"{stream}: {number} of {WINDOWS} windows alarm")
    assert number <= WINDOWS * 0.01


def normal_counts(random, feature, rows, windows, shift=0.0):
    """Counts of normal rows in the bins of a feature: multinomial, by the masses of the bins."""
    bounds = np.concatenate(([-np.inf], feature.edges, [np.inf]))
    return random.multinomial(rows, np.diff(stats.norm.cdf(bounds - shift)), size=windows)


def normal_features(seed):
    reference = independent(np.random.default_rng(seed), REFERENCE_ROWS)
    return [numbers(f"f{i}", reference[:, i]) for i in range(FEATURES)]


def verdicts(features, counts, number):
    """The verdicts of one window of several streams of counts."""
    window = {
        one.reference.name: FeatureWindow(tuple(rows[number].tolist()))
        for one, rows in zip(features, counts, strict=True)
    }
    return judge([one.reference for one in features], window, SETTINGS)


@pytest.mark.timeout(600)
def test_of_a_thousand_windows_without_drift_at_most_ten_alarm():
    standing = 0
    for seed in range(10):
        features = normal_features(seed)
        random = np.random.default_rng([seed, 1])
        counts = [normal_counts(random, one, 2000, MANY_WINDOWS // 10) for one in features]
        alarms = Alarms()
        for number in range(MANY_WINDOWS // 10):
            alarms = alarms.after(verdicts(features, counts, number), SETTINGS)
            standing += bool(alarms.standing(SETTINGS))
    print(f"{standing} of {MANY_WINDOWS} windows alarm")
    assert standing <= MANY_WINDOWS * 0.01


@pytest.mark.timeout(600)
def test_half_a_deviation_in_one_of_twenty_features_alarms_within_two_windows():
    alarmed = alone = 0
    for seed in range(SEEDS):
        if seed % 20 == 0:
            features = normal_features(seed)
        drifting = f"f{seed % FEATURES}"
        random = np.random.default_rng([seed, 2])
        counts = [
            normal_counts(random, one, 2000, 2, 0.5 if one.reference.name == drifting else 0.0)
            for one in features
        ]
        alarms = Alarms()
        for number in range(2):
            alarms = alarms.after(verdicts(features, counts, number), SETTINGS)
        standing = alarms.standing(SETTINGS)
        alarmed += (drifting, "distribution") in standing
        alone += {name for name, _ in standing} == {drifting}
    print(f"{alarmed} of {SEEDS} seeds alarm, {alone} for that feature alone")
    assert alarmed >= 0.99 * SEEDS
    assert alone >= 0.99 * SEEDS


def test_a_threshold_alone_would_alarm_in_a_fifth_of_small_windows():
    # The figure against which all this is done: ten bins, 100 rows, no drift.
    random = np.random.default_rng(9)
    reference = [1000] * 10
    values = [psi(reference, random.multinomial(100, [0.1] * 10)) for _ in range(500)]
    assert np.mean(np.array(values) >= 0.1) > 0.2
    p_values = [psi_p(value, 10, 10_000, 100) for value in values]
    assert np.mean(np.array(p_values) <= 0.01) <= 0.02
