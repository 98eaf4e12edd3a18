"""Coarser numbers are registered only when the metric stays, and the trade is shown."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import LabelPropagation

from serve_app.engine.load import load
from serve_app.engine.registration.register import Candidate, Coarser, register
from serve_app.errors import ArtifactRejected, InvalidInput
from serve_app.models.frames import to_columns
from serve_app.registry.store import Registry

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(RNG.normal(size=(400, 5)), columns=list("abcde"))
LABEL = np.where(FRAME.a + FRAME.b * FRAME.c > 0, "up", "down").astype(object)
VALUE = (FRAME.a * 3 + FRAME.b).to_numpy()
TRAIN, TEST = slice(0, 300), slice(300, 400)


def quantised(estimator, target, precision, **more):
    store = Registry(f"memory://quantise-{RNG.integers(1 << 60)}")
    fitted = estimator.fit(FRAME[TRAIN], target[TRAIN])
    wish = Coarser(precision, FRAME[TEST], target[TEST], **more)
    manifest = register(store, Candidate("m", fitted, FRAME[TRAIN]), coarser=wish)
    return store, manifest, fitted


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("precision", ["int8", "float16"])
@pytest.mark.parametrize(
    ("estimator", "target", "smaller"),
    [
        (make_pipeline(StandardScaler(), LogisticRegression()), LABEL, False),
        (MLPClassifier((60, 60), max_iter=60, random_state=0), LABEL, True),
        (RandomForestClassifier(50, random_state=0), LABEL, False),
        (Ridge(), VALUE, False),
        (RandomForestRegressor(50, random_state=0), VALUE, False),
    ],
    ids=["logistic", "layers", "forest", "ridge", "regression forest"],
)
def test_a_quantised_version_answers_nearly_like_the_exact_one(
    estimator, target, smaller, precision
):
    store, manifest, fitted = quantised(estimator, target, precision, tolerance=0.02)
    trade = manifest.compiled.quantised
    assert (trade.precision, abs(trade.before - trade.after) <= 0.02) == (precision, True)
    sizes = {file.path: file.size_bytes for file in manifest.files}
    assert sizes.keys() == {"compiled.npz", "profile.json"}
    assert sizes["compiled.npz"] == trade.size_after
    assert not smaller or trade.size_after < 0.8 * trade.size_before
    said = load(store, "m", 1).model.predict(to_columns(FRAME[TEST])).values
    if target is LABEL:
        assert np.mean(said == fitted.predict(FRAME[TEST])) > 0.95
    else:
        assert said == pytest.approx(fitted.predict(FRAME[TEST]), abs=0.15)


def test_what_costs_more_than_is_tolerated_is_not_registered():
    with pytest.raises(InvalidInput, match=r"falls from .* by more than the tolerance 1e-12"):
        quantised(Ridge(), VALUE, "int8", tolerance=1e-12)


def test_what_has_no_coarser_form_is_refused():
    with pytest.raises(InvalidInput, match="cannot be compiled"):
        quantised(LabelPropagation(), LABEL, "int8")


def test_a_quantised_version_has_no_form_of_its_library():
    store, _, _ = quantised(Ridge(), VALUE, "float16")
    with pytest.raises(ArtifactRejected, match="was quantised"):
        load(store, "m", 1, native=True)
