"""Sums of floats without rounding, so that parts add up to the same whole in any order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from serve_app.errors import InvalidInput

_MANTISSA_BITS = 53
_HALF_BITS = 26
_SCALE_BITS = 1074 + _MANTISSA_BITS
"""The smallest positive float is 2^-1074, and every mantissa is taken as 53 whole bits."""


@dataclass(frozen=True, slots=True)
class ExactSum:
    """A sum as a whole number of units of 2^-1127, in which every float is whole."""

    units: int = 0

    @classmethod
    def of(cls, values: npt.ArrayLike) -> ExactSum:
        """The sum of some finite numbers.

        Raises:
            InvalidInput: a number is not finite.
        """
        array = np.asarray(values, dtype=np.float64).ravel()
        if not np.isfinite(array).all():
            raise InvalidInput("only finite numbers can be added up; leave out NaN and infinity")
        mantissas, exponents = np.frexp(array)
        whole = np.ldexp(mantissas, _MANTISSA_BITS).astype(np.int64)
        units = 0
        for exponent in np.unique(exponents):
            part = whole[exponents == exponent]
            # In halves, so that 64 bits hold the sum of 2^36 of them.
            high, low = part >> _HALF_BITS, part & ((1 << _HALF_BITS) - 1)
            total = (int(high.sum()) << _HALF_BITS) + int(low.sum())
            units += total << (int(exponent) - _MANTISSA_BITS + _SCALE_BITS)
        return cls(units)

    def __add__(self, other: ExactSum) -> ExactSum:
        return ExactSum(self.units + other.units)

    def __float__(self) -> float:
        return self.units / (1 << _SCALE_BITS)

    @property
    def fraction(self) -> Fraction:
        """The sum itself."""
        return Fraction(self.units, 1 << _SCALE_BITS)

    def to_json(self) -> dict[str, Any]:
        """`{"mantissa": digits, "exponent": power of two}`, exact and short."""
        if self.units == 0:
            return {"mantissa": "0", "exponent": 0}
        zeros = (self.units & -self.units).bit_length() - 1
        return {"mantissa": str(self.units >> zeros), "exponent": zeros - _SCALE_BITS}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> ExactSum:
        """A sum as `to_json` wrote it."""
        return cls(int(content["mantissa"]) << (int(content["exponent"]) + _SCALE_BITS))


NOTHING = ExactSum()
"""The sum of no numbers."""
