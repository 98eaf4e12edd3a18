"""Whoever scikit-learn's tree finds is found here, also among points that are equally far."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier

from serve_app.models.convert.dispatch import Given
from serve_app.models.convert.neighbours import _nearest


def fitted(points, count, metric="euclidean"):
    model = KNeighborsClassifier(count, algorithm="kd_tree", leaf_size=3, metric=metric)
    return model.fit(points, np.arange(len(points)) % 3)


def found(model, rows):
    """The numbers of the nearest points of each row, in any order, here and there."""
    ours = _nearest(model, Given(rows.shape[1]))(rows)
    theirs = model.kneighbors(rows, return_distance=False)
    return np.sort(ours, axis=1).tolist(), np.sort(theirs, axis=1).tolist()


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1), size=st.integers(1, 60), width=st.integers(1, 4),
    places=st.integers(1, 5), share=st.floats(0.01, 1),
    metric=st.sampled_from(["euclidean", "manhattan"]),
)  # fmt: skip
def test_among_equals_the_same_ones_are_found(seed, size, width, places, share, metric):
    random = np.random.default_rng(seed)
    points = random.integers(0, places, (size, width)) * 0.1
    rows = random.integers(-1, places + 1, (20, width)) * 0.1
    ours, theirs = found(fitted(points, max(1, int(share * size)), metric), rows)
    assert ours == theirs


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e150, 1e300])
def test_numbers_of_any_size_are_searched_alike(scale):
    random = np.random.default_rng(3)
    model = fitted(random.normal(size=(200, 3)) * scale, 9)
    with np.errstate(all="ignore"):
        ours, theirs = found(model, random.normal(size=(50, 3)) * scale * 3)
    assert ours == theirs


def test_many_rows_take_several_turns(monkeypatch):
    monkeypatch.setattr("serve_app.models.compiled.neighbours.CELLS", 500)
    random = np.random.default_rng(4)
    ours, theirs = found(fitted(random.normal(size=(100, 5)), 5), random.normal(size=(33, 5)))
    assert ours == theirs
