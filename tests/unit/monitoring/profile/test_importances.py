"""Which features matter most is kept with a profile."""

import json

import numpy as np
import pytest

from serve_app.core.columns import Columns
from serve_app.core.explanation import Explanation
from serve_app.monitoring.profile.build import profile_of
from serve_app.monitoring.profile.importances import MOST_ROWS, reference_importances
from serve_app.monitoring.profile.profile import FeatureProfile

NAMES = ("age", "dose")


def rows(count):
    return Columns.of({"age": np.arange(count) * 1.0, "dose": np.full(count, -2.0)})


def explain(columns):
    """Each value adds itself."""
    parts = np.stack([columns[name] for name in NAMES], axis=1)[:, :, None]
    return Explanation(NAMES, parts, np.zeros((columns.rows, 1)), ("linear",), "value")


def still():
    """No time passes."""
    return 0.0


class Slow:
    """Explains a row in so many seconds of its own clock."""

    def __init__(self, row_s):
        self.row_s, self.now_s = row_s, 0.0

    def clock(self):
        return self.now_s

    def explain(self, columns):
        self.now_s += columns.rows * self.row_s
        return explain(columns)


@pytest.mark.parametrize(("row_s", "explained"), [(0.001, 1_000), (0.05, 200), (0.11, None)])
def test_of_slow_models_fewer_rows_are_explained_or_none(row_s, explained):
    slow = Slow(row_s)
    known = reference_importances(rows(2_000), slow.explain, slow.clock)
    assert (known and known.importances.rows) == explained
    assert slow.now_s <= 10 + 10 * row_s


def test_they_are_mean_sizes_over_rows_from_all_over_the_reference():
    known = reference_importances(rows(10_001), explain, still)
    # Every tenth of the numbers 0 to 10,000, and all that is added to dose is -2.
    assert known.importances.rows == MOST_ROWS
    assert known.importances.by_feature == pytest.approx({"age": 5_000, "dose": 2}, rel=1e-3)
    assert known.method == "linear"


def test_too_few_rows_or_features_have_none():
    assert reference_importances(rows(99), explain, still) is None
    assert reference_importances(rows(500).select(["age"]), explain, still) is None


def test_what_is_not_finite_is_not_kept():
    huge = Columns.of({"age": np.full(200, np.inf), "dose": np.zeros(200)})
    assert reference_importances(huge, explain, still) is None


def test_they_survive_the_profile_and_do_not_change_how_rows_are_counted():
    former = profile_of(rows(500))
    body = former.to_json() | {
        "importances": reference_importances(rows(500), explain, still).to_json()
    }
    profile = FeatureProfile.decode(json.dumps(body).encode())
    assert FeatureProfile.decode(profile.encode()) == profile
    assert profile.importances == reference_importances(rows(500), explain, still)
    assert former.importances is None
    assert "importances" not in former.to_json()
    assert former.digest == profile.digest


@pytest.mark.parametrize(
    "importances",
    [{"method": "guessed", "rows": 1, "by_feature": {}}, {"method": "linear"}, 7],
)
def test_what_is_no_importances_is_refused(importances):
    body = profile_of(rows(200)).to_json() | {"importances": importances}
    with pytest.raises(ValueError, match=r"no (profile|method)"):
        FeatureProfile.from_json(body)
