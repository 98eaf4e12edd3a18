"""How often whole rows raise an alarm without a reason, and with one."""

import os

import numpy as np
import pytest

from serve_app.core.columns import Columns
from serve_app.monitoring.drift.multivariate import ErrorSums, judged_errors
from serve_app.monitoring.outliers import judged_outliers
from serve_app.monitoring.profile.build import profile_of
from serve_app.monitoring.profile.ecod import Ecod

WINDOWS = int(os.environ.get("ROW_WINDOWS", "100"))
ROWS, COLUMNS = 1_000, 20


def table(random, rows=ROWS):
    """Columns of which half follow three common causes, some of them far from normal."""
    causes = random.normal(size=(rows, 3))
    mixed = causes @ MIXING + random.normal(0, 0.7, (rows, COLUMNS))
    mixed[:, 5:10] = np.exp(mixed[:, 5:10] / 2)
    return mixed


MIXING = np.random.default_rng(7).normal(size=(3, COLUMNS)) * (np.arange(COLUMNS) % 2)


def columns_of(matrix):
    return Columns.of({f"c{place}": column for place, column in enumerate(matrix.T)})


@pytest.fixture(scope="module")
def profile():
    return profile_of(columns_of(table(np.random.default_rng(0), 10_000)))


def drifted(profile, matrix):
    whole = profile.whole_rows
    rows = whole.encoder(profile.features).encode(columns_of(matrix))
    sums = ErrorSums.of(whole.components.errors(rows).clip(max=whole.greatest_error))
    return judged_errors(whole.errors, sums, least_z=4.0, least_change=0.05).score >= 1


def has_outliers(profile, matrix):
    baseline = profile.whole_rows.outliers
    scores = Ecod(profile.features).scores(columns_of(matrix))
    outliers = int((scores > baseline.threshold).sum())
    return judged_outliers(baseline, len(matrix), outliers, threshold=0.01, alpha=0.001).is_unusual


def test_windows_without_a_change_raise_hardly_any_alarm(profile):
    alarms = [0, 0]
    for seed in range(WINDOWS):
        matrix = table(np.random.default_rng(1_000 + seed))
        alarms[0] += drifted(profile, matrix)
        alarms[1] += has_outliers(profile, matrix)
    assert max(alarms) <= 0.01 * WINDOWS


def test_columns_that_go_apart_and_rows_far_out_raise_one(profile):
    caught = [0, 0]
    for seed in range(WINDOWS):
        random = np.random.default_rng(9_000 + seed)
        apart = table(random)
        for place in (1, 3, 11):
            apart[:, place] = random.permutation(apart[:, place])
        far = table(random)
        far[:30, :4] += 8.0
        caught[0] += drifted(profile, apart)
        caught[1] += has_outliers(profile, far)
    assert min(caught) >= 0.99 * WINDOWS
