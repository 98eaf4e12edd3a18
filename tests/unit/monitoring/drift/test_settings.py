"""Settings say what cannot be."""

import pickle

import pytest

from serve_app.errors import ConfigError
from serve_app.monitoring.drift.settings import DriftSettings


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"number_distance": "foo"}, "unknown distance 'foo': known are psi, jensen_shannon"),
        ({"thresholds": {"foo": 1}}, "unknown distance 'foo'"),
        ({"category_distance": "wasserstein"}, "wasserstein does not apply to categories"),
        ({"thresholds": {"psi": 0}}, "threshold of psi must be above 0"),
        ({"test": "t"}, "unknown test 't': known are chi_square, psi, kolmogorov_smirnov"),
        ({"alpha": 0}, "alpha must lie between 0 and 1"),
        ({"missing_threshold": 1.5}, "missing_threshold must lie between 0 and 1"),
        ({"alarm_windows": 0}, "alarm_windows must be at least 1"),
        ({"alarm_windows": 4}, "4 of the last 3 windows can never say so"),
        ({"minimum_rows": 0}, "minimum_rows must be at least 1"),
        ({"floor": 1}, "floor must be at least 0"),
    ],
)
def test_what_cannot_be_is_refused_in_words(values, words):
    with pytest.raises(ConfigError, match=words):
        DriftSettings(**values)


def test_thresholds_are_those_of_the_distances_unless_set():
    settings = DriftSettings(thresholds={"psi": 0.2})
    assert settings.threshold("psi") == 0.2
    assert settings.threshold("wasserstein") == 0.3
    assert (settings.distance("numbers"), settings.distance("categories")) == (
        "psi",
        "jensen_shannon",
    )


def test_a_window_needs_rows_for_each_cell_unless_set():
    assert DriftSettings().needed_rows(32) == 640
    assert DriftSettings().needed_rows(2) == 100
    assert DriftSettings(minimum_rows=50).needed_rows(32) == 50


def test_settings_travel():
    settings = DriftSettings(thresholds={"psi": 0.2}, test="psi")
    assert pickle.loads(pickle.dumps(settings)) == settings
