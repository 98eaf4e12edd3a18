"""Whether there are more outliers than the reference lets expect."""

import pytest
from scipy.stats import fisher_exact

from serve_app.monitoring.outliers import judged_outliers
from serve_app.monitoring.profile.whole_rows import OutlierBaseline

REFERENCE = OutlierBaseline(30.0, 10_000, 10)


def judged(rows, outliers):
    return judged_outliers(REFERENCE, rows, outliers, threshold=0.01, alpha=0.001)


def test_many_outliers_are_unusual_and_that_is_as_unlikely_as_fisher_says():
    verdict = judged(500, 15)
    assert verdict.is_unusual
    assert (verdict.ratio, verdict.reference_ratio) == (0.03, 0.001)
    table = [[15, 485], [10, 9_990]]
    assert verdict.p == pytest.approx(fisher_exact(table, alternative="greater").pvalue, rel=1e-6)


def test_few_rows_or_a_small_share_are_not_unusual():
    # One outlier of 20 rows is 5 %, and comes by chance once in fifty such windows.
    assert not judged(20, 1).is_unusual
    assert judged(20, 1).p > 0.001
    # Six times as many as usual, and surely so; still under the threshold.
    assert not judged(20_000, 120).is_unusual
    assert judged(20_000, 120).p < 1e-9


def test_a_reference_with_as_many_outliers_is_no_reason():
    reference = OutlierBaseline(30.0, 100, 2)
    assert not judged_outliers(reference, 1_000, 15, threshold=0.01, alpha=0.5).is_unusual
