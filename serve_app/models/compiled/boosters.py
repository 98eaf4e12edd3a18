"""What LightGBM and CatBoost take for a gap, or for a category, made plain for comparisons."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from serve_app.core.columns import Array
from serve_app.models.compiled.operation import Operation

NEARLY_ZERO = float(np.float32(1e-35))
"""Up to here LightGBM takes a number for zero."""


@dataclass(frozen=True, eq=False)
class ZeroOrGap(Operation):
    """Numbers as LightGBM compares them: those near zero are zero, and some gaps are too.

    `zeroed` and `emptied` say of each column whether NaN becomes zero in it, or zeros NaN.
    """

    zeroed: Array
    emptied: Array

    @cached_property
    def _empties(self) -> bool:
        return bool(self.emptied.any())

    def __call__(self, x: Array, /) -> Array:
        """The same shape."""
        usual = np.abs(x) > NEARLY_ZERO
        if usual.all():
            return x
        gaps = np.isnan(x)
        plain = np.where(usual | (gaps & ~self.zeroed), x, 0.0)
        if self._empties:
            plain[~usual & self.emptied] = np.nan
        return plain


@dataclass(frozen=True, eq=False)
class InfiniteGaps(Operation):
    """NaN becomes infinite in some columns, which is above every border."""

    positions: Array

    def __call__(self, x: Array, /) -> Array:
        """The same shape."""
        part = x[:, self.positions]
        gaps = np.isnan(part)
        return _changed(x, self.positions, np.where(gaps, np.inf, part)) if gaps.any() else x


@dataclass(frozen=True, eq=False)
class Truncate(Operation):
    """Numbers lose what stands after the point in some columns, as codes of categories do."""

    positions: Array

    def __call__(self, x: Array, /) -> Array:
        """The same shape."""
        return _changed(x, self.positions, np.trunc(x[:, self.positions]))


@dataclass(frozen=True, eq=False)
class SignedSquare(Operation):
    """The square of each number, with the number's sign."""

    def __call__(self, x: Array, /) -> Array:
        """The same shape."""
        squared: Array = np.sign(x) * x * x
        return squared


def _changed(x: Array, positions: Array, part: Array) -> Array:
    """A copy in which some columns are others: what is given may be somebody else's."""
    changed = x.copy()
    changed[:, positions] = part
    return changed
