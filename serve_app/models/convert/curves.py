"""Converts what bends each column by a curve that was fitted to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.preprocessing import PowerTransformer, QuantileTransformer, SplineTransformer

from serve_app.models.compiled.arithmetic import Screen
from serve_app.models.compiled.curves import BoxCox, QuantileRanks, Splines, YeoJohnson
from serve_app.models.compiled.operation import Operation, chain
from serve_app.models.convert.dispatch import (
    Given,
    Inconvertible,
    as_array,
    dense,
    numbers,
    transformer,
    transforms,
)
from serve_app.models.convert.rows import floats

Converted = tuple[Operation, Given]
# Below, scikit-learn counts the degree up from column to column, or leaves rows out.
_LEAST_DEGREE = {"constant": 1, "linear": 2}


@transforms(PowerTransformer)
def _power(power: Any, given: Given) -> Converted:
    dense(given, power)
    start, given = floats(given)
    exponents = as_array(power.lambdas_)
    bend = BoxCox(exponents) if power.method == "box-cox" else YeoJohnson(exponents)
    bent = chain(start, bend)
    handed_on = given.matrix(given.width)
    if not power.standardize:
        return bent, handed_on
    scaled, handed_on = transformer(power._scaler, handed_on)
    return chain(bent, scaled), handed_on


@transforms(QuantileTransformer)
def _quantiles(quantiles: Any, given: Given) -> Converted:
    dense(given, quantiles)
    start, given = floats(given)
    normal = quantiles.output_distribution == "normal"
    ranks = QuantileRanks(as_array(quantiles.quantiles_), as_array(quantiles.references_), normal)
    return chain(start, ranks), given.matrix(given.width, screened=True)


@transforms(SplineTransformer)
def _splines(splines: Any, given: Given) -> Converted:
    dense(given, splines)
    if splines.degree < _LEAST_DEGREE.get(splines.extrapolation, 0):
        msg = (
            f"a SplineTransformer goes on beyond its ends ({splines.extrapolation}) from splines "
            f"of degree {splines.degree}"
        )
        raise Inconvertible(msg)
    to_matrix, given = numbers(given)
    nan = getattr(splines, "handle_missing", "error") == "zeros"
    each = splines.bsplines_[0].c.shape[1]
    kept = tuple(
        number
        for number in range(each * given.width)
        if splines.include_bias or (number + 1) % each
    )
    knots = np.array([one.t for one in splines.bsplines_])
    bend = Splines(knots, int(splines.degree), splines.extrapolation, kept)
    handed_on = given.matrix(len(kept))
    return (
        chain(to_matrix, Screen(nan=nan), bend),
        replace(handed_on, sparse=bool(splines.sparse_output)),
    )
