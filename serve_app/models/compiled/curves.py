"""Curves that bend each column: powers, quantiles, splines."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np

from serve_app.core.columns import Array
from serve_app.models.compiled.operation import Operation, Refused

EDGE = 1e-7
"""Below this share, and as near to 1, quantiles are those of the ends."""
_EPS = float(np.finfo(np.float64).eps)
_NO_POWER = 1e-19
_LARGEST_POWER = 709.78
_normal_quantile = NormalDist().inv_cdf


@dataclass(frozen=True, eq=False)
class YeoJohnson(Operation):
    """Yeo and Johnson's power transform, with one exponent per column."""

    exponents: Array

    def __call__(self, x: Array, /) -> Array:
        """The same shape and dtype; gaps stay."""
        out = np.empty_like(x)
        for column, exponent in enumerate(self.exponents):
            out[:, column] = _yeo_johnson(x[:, column], float(exponent))
        return out


def _yeo_johnson(x: Array, exponent: float) -> Array:
    # Each branch as scipy writes it: the form with expm1 keeps small numbers.
    rest = 2 - exponent
    above = np.log1p(np.maximum(x, 0))
    below = np.log1p(-np.minimum(x, 0))
    up = above if abs(exponent) < _EPS else np.expm1(exponent * above) / exponent
    down = -below if abs(rest) <= _EPS else -np.expm1(rest * below) / rest
    bent: Array = np.where(x >= 0, up, down)
    return bent


@dataclass(frozen=True, eq=False)
class BoxCox(Operation):
    """Box and Cox's power transform, with one exponent per column; of numbers above 0."""

    exponents: Array

    def __call__(self, x: Array, /) -> Array:
        """The same shape and dtype; gaps stay.

        Raises:
            Refused: a number is 0 or less.
        """
        if (x <= 0).any():
            raise Refused("the rows hold numbers that are not above 0")
        out = np.empty_like(x)
        logs = np.log(x)
        for column, exponent in enumerate(self.exponents):
            out[:, column] = _box_cox(logs[:, column], float(exponent))
        return out


def _box_cox(logs: Array, exponent: float) -> Array:
    if abs(exponent) < _NO_POWER:
        return logs
    powers = exponent * logs
    # Where the power itself is too large for a double, the quotient need not be.
    large = np.exp(powers - math.log(abs(exponent))) * math.copysign(1, exponent) - 1 / exponent
    bent: Array = np.where(powers < _LARGEST_POWER, np.expm1(powers) / exponent, large)
    return bent


@dataclass(frozen=True, eq=False)
class QuantileRanks(Operation):
    """The share of training that lies below each number; perhaps as quantiles of the normal.

    `quantiles` has shape (shares, columns).
    """

    quantiles: Array
    shares: Array
    normal: bool

    @cached_property
    def _turned(self) -> list[tuple[Array, Array]]:
        return [(column, -column[::-1]) for column in np.ascontiguousarray(self.quantiles.T)]

    def __call__(self, x: Array, /) -> Array:
        """The same shape and dtype; gaps stay."""
        out = np.empty_like(x)
        turned_shares = -self.shares[::-1]
        for column, (points, turned) in enumerate(self._turned):
            values = x[:, column]
            # Where quantiles repeat, the middle between the ranks from both sides.
            ranks = np.interp(values, points, self.shares)
            ranks = 0.5 * (ranks - np.interp(-values, turned, turned_shares))
            out[:, column] = np.where(np.isnan(values), values, ranks)
            if self.normal:
                out[values + EDGE > points[-1], column] = 1
                out[values - EDGE < points[0], column] = 0
            else:
                out[values == points[-1], column] = 1
                out[values == points[0], column] = 0
        if self.normal:
            low, high = _ENDS
            out = np.clip(_normal_quantiles(out), low, high).astype(x.dtype, copy=False)
        return out


def _normal_quantiles(shares: Array) -> Array:
    """Where so large a share of the standard normal distribution lies below."""
    quantiles = [
        _normal_quantile(share) if 0 < share < 1 else _beyond(share)
        for share in shares.ravel().tolist()
    ]
    return np.array(quantiles).reshape(shares.shape)


def _beyond(share: float) -> float:
    if share != share:  # noqa: PLR0124 - a gap
        return share
    return math.inf if share >= 1 else -math.inf


_ENDS = _normal_quantile(EDGE - _EPS), _normal_quantile(1 - (EDGE - _EPS))


@dataclass(frozen=True, eq=False)
class Splines(Operation):
    """B-splines of each column, of `knots` of shape (columns, knots).

    `outside` says what becomes of numbers beyond the inner knots: "constant", "linear",
    "continue", "periodic", "error". `kept` are the columns that come out.
    """

    knots: Array
    degree: int
    outside: str
    kept: tuple[int, ...]

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows, len(kept)); zeros for gaps.

        Raises:
            Refused: a number lies beyond the knots, and none may.
        """
        parts = [self._bent(x[:, column], knots) for column, knots in enumerate(self.knots)]
        out = np.concatenate(parts, axis=1)[:, self.kept]
        return out.astype(x.dtype, copy=False) if x.dtype.kind == "f" else out

    def _bent(self, x: Array, knots: Array) -> Array:
        x = x.astype(np.float64, copy=False)
        missing = np.isnan(x)
        low, high = knots[self.degree], knots[-self.degree - 1]
        if self.outside == "periodic":
            x = low + (x - low) % (high - low) if high > low else np.zeros_like(x)
        if self.outside == "error" and ((x < low) | (x > high)).any():
            raise Refused("the rows hold numbers beyond the limits of the knots")
        inside = np.clip(x, low, high) if self.outside in {"constant", "linear"} else x
        values = _bases(np.where(missing, low, inside), knots, self.degree)
        if self.outside == "linear":
            splines = values.shape[1]
            first, last = slice(0, self.degree), slice(splines - self.degree, splines)
            self._go_on(values, (x < low, x - low, first), knots, low)
            self._go_on(values, (x > high, x - high, last), knots, high)
        if self.outside == "periodic":
            values[:, : self.degree] += values[:, values.shape[1] - self.degree :]
            values = values[:, : values.shape[1] - self.degree]
        values[missing] = 0
        return values

    def _go_on(
        self, values: Array, beyond: tuple[Array, Array, slice], knots: Array, end: float
    ) -> None:
        """Add to the values at an end what a line with the slope there rises."""
        rows, apart, which = beyond
        if rows.any():
            slopes = _slopes(np.array([end]), knots, self.degree)[0, which]
            values[rows, which] += apart[rows, np.newaxis] * slopes


def _spans(x: Array, knots: Array, degree: int) -> Array:
    """Between which knots each number lies; one beyond the ends is counted to the last span."""
    spans = np.searchsorted(knots, x, side="right") - 1
    clipped: Array = np.clip(spans, degree, len(knots) - degree - 2)
    return clipped


def _bases(x: Array, knots: Array, degree: int) -> Array:
    """Every basis function at every number, shape (rows, bases)."""
    return _recursion(x, knots, degree, _spans(x, knots, degree))


def _recursion(x: Array, knots: Array, degree: int, spans: Array) -> Array:
    """The recurrence of Cox and de Boor, for numbers in spans that are known."""
    local = np.zeros((len(x), degree + 1))
    local[:, 0] = 1
    for order in range(1, degree + 1):
        before = local.copy()
        local[:, 0] = 0
        for step in range(1, order + 1):
            right, left = knots[spans + step], knots[spans + step - order]
            share = np.zeros(len(x))
            np.divide(before[:, step - 1], right - left, out=share, where=right != left)
            local[:, step - 1] += share * (right - x)
            local[:, step] = share * (x - left)
    out = np.zeros((len(x), len(knots) - degree - 1))
    np.put_along_axis(out, spans[:, np.newaxis] - degree + np.arange(degree + 1), local, axis=1)
    return out


def _slopes(x: Array, knots: Array, degree: int) -> Array:
    """The first derivative of every basis function, shape (rows, bases)."""
    lower = _recursion(x, knots, degree - 1, _spans(x, knots, degree))
    widths = knots[degree:] - knots[:-degree]
    shares = np.zeros_like(lower)
    np.divide(degree * lower, widths, out=shares, where=widths > 0)
    slopes: Array = shares[:, :-1] - shares[:, 1:]
    return slopes
