"""Rows whose features no longer go together are rebuilt worse."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from serve_app.monitoring.drift.multivariate import (
    ErrorBaseline,
    ErrorSums,
    error_baseline,
    fit_components,
    from_arrays,
    judged_errors,
    to_arrays,
)


def together(random, rows, columns=10):
    common = random.normal(size=(rows, 1))
    return np.sqrt(0.8) * common + np.sqrt(0.2) * random.normal(size=(rows, columns))


def test_errors_are_those_of_scikit_learn():
    random = np.random.default_rng(1)
    matrix, fresh = together(random, 500) * 7 + 3, together(random, 80) * 7 + 3
    fitted = fit_components(matrix, explained=0.9)
    scaler = StandardScaler().fit(matrix)
    pca = PCA(0.9, svd_solver="full").fit(scaler.transform(matrix))
    assert len(fitted.components) == pca.n_components_
    rows = scaler.transform(fresh)
    rebuilt = pca.inverse_transform(pca.transform(rows))
    expected = np.linalg.norm(rows - rebuilt, axis=1)
    assert fitted.errors(fresh) == pytest.approx(expected, rel=1e-9)


def test_only_rows_that_no_longer_go_together_are_far_from_the_reference():
    alike, apart = [], []
    for seed in range(40):
        random = np.random.default_rng(seed)
        reference, current = together(random, 2000), together(random, 1000)
        components, baseline = fit_components(reference), error_baseline(reference)
        alike.append(baseline.z(ErrorSums.of(components.errors(current))))
        # Every column keeps its values, so that no test of one column can see it.
        current[:, 3] = random.permutation(current[:, 3])
        apart.append(baseline.z(ErrorSums.of(components.errors(current))))
    assert np.abs(alike).max() < 4
    assert abs(np.mean(alike)) < 0.5
    assert min(apart) > 10


def test_sums_of_replicas_are_those_of_all_rows():
    errors = np.random.default_rng(2).gamma(3, size=1000)
    parts = sum((ErrorSums.of(part) for part in np.split(errors, [10, 400])), ErrorSums())
    assert parts.rows == 1000
    assert parts.mean == pytest.approx(errors.mean())
    assert parts.deviation == pytest.approx(errors.std(ddof=1))
    assert (ErrorSums().mean, ErrorSums().deviation, ErrorSums(1, 2.0, 4.0).deviation) == (0, 0, 0)


def test_days_that_differ_widen_what_is_usual():
    random = np.random.default_rng(3)
    steady = together(random, 2000)
    restless = steady * np.repeat(np.linspace(0.5, 1.5, 10), 200)[:, None]
    baseline = error_baseline(restless)
    plain = ErrorSums.of(fit_components(restless).errors(restless))
    assert baseline.deviation > 2 * plain.deviation


def test_missing_values_and_constant_columns_do_no_harm():
    matrix = together(np.random.default_rng(4), 200, 4)
    matrix[:, 2] = 5.0
    matrix[::3, 0] = np.nan
    matrix[5, 1] = np.inf
    fitted = fit_components(matrix)
    assert np.isfinite(fitted.errors(matrix)).all()
    strange = np.array([[np.nan] * 4, [np.inf, -np.inf, 5.0, np.nan]])
    assert fitted.errors(strange) == pytest.approx(0, abs=1e-9)
    assert fit_components(np.ones((4, 3))).errors(np.ones((2, 3))).tolist() == [0, 0]
    assert fit_components(np.arange(6.0)[:, None]).components.shape == (1, 1)


def test_a_window_without_rows_and_a_reference_of_one_error():
    baseline = ErrorBaseline(100, 1.0, 0.0)
    assert baseline.z(ErrorSums()) == 0
    assert baseline.z(ErrorSums(4, 4.0, 4.0)) == 0
    assert baseline.z(ErrorSums(4, 8.0, 16.0)) == np.inf


def test_what_is_stored_gives_the_same_errors():
    matrix = together(np.random.default_rng(5), 300)
    components, baseline = fit_components(matrix), error_baseline(matrix)
    again, same = from_arrays(to_arrays(components, baseline))
    # Not to the bit: a product depends on where in memory the numbers happen to stand.
    errors = pytest.approx(components.errors(matrix), rel=1e-12)
    assert again.errors(matrix) == errors
    assert same == baseline
    assert pickle.loads(pickle.dumps(again)).errors(matrix) == errors


def test_arrays_that_do_not_fit_are_refused():
    matrix = together(np.random.default_rng(6), 300)
    arrays = to_arrays(fit_components(matrix), error_baseline(matrix))
    with pytest.raises(ValueError, match="arrays are missing: scale"):
        from_arrays({name: value for name, value in arrays.items() if name != "scale"})
    with pytest.raises(ValueError, match="do not fit"):
        from_arrays(arrays | {"mean": np.zeros(3)})


def test_what_cannot_be_fitted_is_refused_in_words():
    with pytest.raises(ValueError, match="two rows"):
        fit_components(np.ones((1, 3)))
    with pytest.raises(ValueError, match="explained share"):
        fit_components(np.ones((4, 3)), explained=1.0)
    with pytest.raises(ValueError, match="rows of 3 numbers"):
        fit_components(np.ones((4, 3))).errors(np.ones((4, 2)))
    with pytest.raises(ValueError, match="too few for 10 chunks"):
        error_baseline(np.ones((39, 2)))


@given(st.permutations(range(5)), st.lists(st.floats(0, 1e6), min_size=5, max_size=60))
def test_sums_merge_in_any_order(order, errors):
    parts = [ErrorSums.of(part) for part in np.array_split(np.array(errors), 5)]
    whole = ErrorSums.of(np.array(errors))
    merged = sum((parts[place] for place in order), ErrorSums())
    assert merged.rows == whole.rows
    assert merged.total == pytest.approx(whole.total, rel=1e-9, abs=1e-9)
    assert merged.squares == pytest.approx(whole.squares, rel=1e-9, abs=1e-9)


def test_a_window_drifted_where_the_change_is_large_and_no_chance():
    baseline = ErrorBaseline(10_000, 2.0, 0.5)

    def judged(rows, mean):
        window = ErrorSums(rows, rows * mean, 0.0)
        return judged_errors(baseline, window, least_z=4, least_change=0.05)

    large = judged(400, 2.2)
    # 0.2 above 2.0; the standard error is 0.5 times the root of 1/400 and 1/10,000.
    assert (large.change, large.z) == pytest.approx((0.1, 0.2 / (0.5 * np.sqrt(0.0026))))
    assert large.score == pytest.approx(large.z / 4)
    assert judged(400, 1.8).score == pytest.approx(large.score)
    assert judged(40_000, 2.08).score == pytest.approx(0.04 / 0.05)
    assert judged(4, 2.4).score < 1


def test_columns_that_follow_from_each_other_drift_by_more_than_rounding():
    baseline = ErrorBaseline(100, 1e-16, 1e-17)
    settings = {"least_z": 4, "least_change": 0.05}
    assert judged_errors(baseline, ErrorSums(900, 900 * 9e-16), **settings).score < 1
    worse = judged_errors(baseline, ErrorSums(9, 9 * 0.1), **settings)
    assert worse.score > 1
    assert np.isfinite([worse.z, worse.change, worse.score]).all()
