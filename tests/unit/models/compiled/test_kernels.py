"""Support vectors answer as libsvm does: votes, margins, and probabilities that are coupled."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.svm import SVC, NuSVC

from serve_app.models.convert.dispatch import Given
from serve_app.models.convert.kernels import _classifier

pytestmark = pytest.mark.filterwarnings("ignore")


def trained(seed, classes, **settings):
    random = np.random.default_rng(seed)
    rows = random.normal(size=(25 * classes, 3))
    said = np.arange(len(rows)) % classes
    return SVC(**settings).fit(rows + said[:, np.newaxis] / 2, said), random.normal(size=(200, 3))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1), classes=st.integers(2, 6),
    kernel=st.sampled_from(["linear", "poly", "rbf", "sigmoid"]),
    shape=st.sampled_from(["ovr", "ovo"]), scale=st.sampled_from([1e-3, 1.0, 30.0]),
)  # fmt: skip
def test_classes_and_margins_are_libsvms(seed, classes, kernel, shape, scale):
    model, rows = trained(seed, classes, kernel=kernel, decision_function_shape=shape)
    ours = _classifier(model, Given(3))
    margins = ours.scores(rows * scale)
    assert ours.classes(margins).tolist() == model.predict(rows * scale).tolist()
    wanted = model.decision_function(rows * scale)
    np.testing.assert_allclose(ours.decision(margins), wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("classes", [2, 3, 4, 7])
def test_probabilities_of_pairs_are_coupled_as_libsvm_couples_them(classes):
    model, rows = trained(5, classes, probability=True, random_state=0)
    ours = _classifier(model, Given(3))
    wanted = model.predict_proba(rows)
    np.testing.assert_allclose(ours.probabilities(ours.scores(rows)), wanted, atol=1e-12)


def test_a_row_alone_is_as_likely_as_among_others():
    model, rows = trained(6, 4, probability=True, random_state=0)
    ours = _classifier(model, Given(3))
    together = ours.probabilities(ours.scores(rows[:20]))
    alone = [ours.probabilities(ours.scores(rows[j : j + 1])) for j in range(20)]
    np.testing.assert_allclose(np.concatenate(alone), together, atol=1e-12)


def test_many_rows_take_several_turns(monkeypatch):
    monkeypatch.setattr("serve_app.models.compiled.kernels.CELLS", 300)
    random = np.random.default_rng(7)
    rows = random.normal(size=(40, 3))
    model = NuSVC(nu=0.3).fit(rows, np.arange(40) % 2)
    ours = _classifier(model, Given(3))
    assert ours.classes(ours.scores(rows)).tolist() == model.predict(rows).tolist()
