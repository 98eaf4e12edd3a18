"""Curves that were bent for training, bent back for answers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from serve_app.core.columns import Array
from serve_app.models.compiled.curves import EDGE
from serve_app.models.compiled.operation import Operation


@dataclass(frozen=True, eq=False)
class YeoJohnsonBack(Operation):
    """The number of which Yeo and Johnson's power transform is given."""

    exponent: float

    def __call__(self, x: Array, /) -> Array:
        """The same shape."""
        exponent, rest = self.exponent, 2 - self.exponent
        tiny = np.spacing(1.0)
        above, below = np.maximum(x, 0), np.minimum(x, 0)
        if abs(exponent) < tiny:
            up = np.exp(above) - 1
        else:
            up = np.power(above * exponent + 1, 1 / exponent) - 1
        down = 1 - (np.exp(-below) if abs(rest) <= tiny else _root(1 - rest * below, rest))
        back: Array = np.where(x >= 0, up, np.where(np.isnan(x), x, down))
        return back


def _root(x: Array, degree: float) -> Array:
    root: Array = np.power(x, 1 / degree)
    return root


@dataclass(frozen=True, eq=False)
class RanksBack(Operation):
    """The number of training below which a share lies; of a normal quantile where `normal`."""

    quantiles: Array
    shares: Array
    normal: bool

    def __call__(self, x: Array, /) -> Array:
        """The same shape."""
        shares = x
        if self.normal:
            below = [0.5 * math.erfc(-value / math.sqrt(2)) for value in x.ravel().tolist()]
            shares = np.array(below, dtype=x.dtype).reshape(x.shape)
        back = np.interp(shares, self.shares, self.quantiles).astype(x.dtype, copy=False)
        low = shares - EDGE < 0 if self.normal else shares == 0
        high = shares + EDGE > 1 if self.normal else shares == 1
        back = np.where(high, x.dtype.type(self.quantiles[-1]), back)
        bent: Array = np.where(low, x.dtype.type(self.quantiles[0]), back)
        return np.where(np.isnan(x), x, bent)
