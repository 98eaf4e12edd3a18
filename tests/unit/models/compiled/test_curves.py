"""Curves are the library's to the last digits, at their ends and beyond."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats
from sklearn.preprocessing import PowerTransformer, QuantileTransformer, SplineTransformer

from serve_app.models.compiled.curves import BoxCox, YeoJohnson, _normal_quantiles
from serve_app.models.compiled.operation import Refused
from serve_app.models.convert.dispatch import Given, transformer
from serve_app.models.convert.targets import _power_back, _quantiles_back

RNG = np.random.default_rng(3)
ROWS = RNG.normal(size=(60, 2)).round(1)
BEYOND = np.concatenate([ROWS, RNG.normal(size=(60, 2)) * 6, [[0.0, -0.0], [1e9, -1e9]]])
EXPONENTS = (-3.0, -0.5, 0.0, 1e-20, 0.3, 1.0, 2.0, 2.7)


def ours(model, rows):
    operation, handed_on = transformer(model, Given(rows.shape[1]))
    bent = operation(rows)
    assert bent.shape[1] == handed_on.width
    return bent


def test_quantiles_of_the_normal_distribution_are_scipys():
    shares = np.concatenate([RNG.random(5000), np.geomspace(1e-300, 0.5, 500), [0, 1, np.nan]])
    np.testing.assert_allclose(_normal_quantiles(shares), stats.norm.ppf(shares), rtol=5e-15)


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_powers_are_scipys(exponent):
    wide = np.concatenate([BEYOND[:, 0], [np.nan, 1e300, -1e300, 5e-324]])[:, np.newaxis]
    with np.errstate(all="ignore"):
        wanted = stats.yeojohnson(wide[:, 0], exponent)
        bent = YeoJohnson(np.array([exponent]))(wide)[:, 0]
        np.testing.assert_allclose(bent, wanted, rtol=1e-12)
        above = np.abs(wide[np.isfinite(wide)]) + 1e-300
        bent = BoxCox(np.array([exponent]))(above[:, np.newaxis])[:, 0]
        np.testing.assert_allclose(bent, special.boxcox(above, exponent), rtol=1e-12)


def test_box_and_coxs_power_of_nothing_is_refused():
    with pytest.raises(Refused):
        BoxCox(np.array([0.5]))(np.array([[1.0], [0.0]]))


KNOWN = [("constant", 1), ("constant", 3), ("linear", 2), ("linear", 3), ("linear", 5)]
KNOWN += [(outside, degree) for outside in ("continue", "periodic") for degree in (0, 1, 2, 3, 5)]


@pytest.mark.parametrize(("outside", "degree"), KNOWN)
@pytest.mark.parametrize("knots", ["uniform", "quantile"])
def test_splines_are_scikit_learns(outside, degree, knots):
    model = SplineTransformer(7, degree=degree, extrapolation=outside, knots=knots).fit(ROWS)
    rows = np.concatenate([BEYOND, model.bsplines_[0].t[:, np.newaxis].repeat(2, axis=1)])
    np.testing.assert_allclose(ours(model, rows), model.transform(rows), rtol=1e-9, atol=1e-9)


def test_splines_refuse_what_lies_beyond_where_scikit_learn_does():
    model = SplineTransformer(4, extrapolation="error").fit(ROWS)
    inside = ROWS.clip(ROWS.min(axis=0), ROWS.max(axis=0))
    np.testing.assert_allclose(ours(model, inside), model.transform(inside), atol=1e-12)
    with pytest.raises(Refused):
        ours(model, BEYOND)


def test_gaps_are_zeros_of_splines_that_take_them():
    model = SplineTransformer(4, handle_missing="zeros").fit(ROWS)
    rows = np.where(RNG.random(ROWS.shape) < 0.3, np.nan, ROWS)
    np.testing.assert_allclose(ours(model, rows), model.transform(rows), atol=1e-12)


@given(value=st.floats(-1e6, 1e6), output=st.sampled_from(["uniform", "normal"]))
def test_targets_are_bent_back_as_scikit_learn_does(value, output):
    quantiles = QuantileTransformer(n_quantiles=20, output_distribution=output).fit(ROWS[:, :1])
    powers = PowerTransformer().fit(ROWS[:, :1])
    for model, back in ((quantiles, _quantiles_back), (powers, _power_back)):
        x = np.array([value])
        with np.errstate(all="ignore"):
            wanted = model.inverse_transform(x[:, np.newaxis])[:, 0]
            for step in back(model):
                x = step(x)
        np.testing.assert_allclose(x, wanted, rtol=1e-9)
