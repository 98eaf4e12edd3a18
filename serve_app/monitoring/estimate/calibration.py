"""What a score means: the share of positives among rows with such a score, by bin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from serve_app.errors import InvalidInput
from serve_app.monitoring.quality.score_bins import BINS, CENTRES, bin_of

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """The calibrated probability of a score: `rates` in the middle of each of 100 equal bins.

    `slopes` is how much it rises from one edge of a bin to the other: 0 where all scores of a bin
    mean the same, as in the calibration map of a profile.

    Raises:
        InvalidInput: not one of each per bin, or a probability below 0 or above 1.
    """

    rates: _Floats
    slopes: _Floats

    def __post_init__(self) -> None:
        if self.rates.shape != (BINS,) or self.slopes.shape != (BINS,):
            raise InvalidInput(f"a calibration map has one rate for each of {BINS} bins")
        ends = np.concatenate([self.rates - self.slopes / 2, self.rates + self.slopes / 2])
        # Edges of bins, as 0.07, are no exact floats.
        if not ((ends >= -1e-12) & (ends <= 1 + 1e-12)).all():
            raise InvalidInput("the rates of a calibration map are probabilities, from 0 to 1")

    @classmethod
    def of_rates(cls, rates: npt.ArrayLike) -> Calibration:
        """One probability for all scores of a bin."""
        values = np.asarray(rates, dtype=np.float64)
        return cls(values, np.zeros_like(values))

    @classmethod
    def identity(cls) -> Calibration:
        """Scores that are probabilities already."""
        return cls(CENTRES, np.full(BINS, 1 / BINS))

    def probability(self, scores: npt.ArrayLike) -> _Floats:
        """The calibrated probability of each score."""
        values = np.asarray(scores, dtype=np.float64)
        bins = bin_of(values)
        calibrated = self.rates[bins] + self.slopes[bins] * (values - CENTRES[bins]) * BINS
        return np.clip(calibrated, 0.0, 1.0)

    def with_mass(self, rows: _Floats, mass: _Floats) -> Calibration:
        """This calibration for rows of which the sum of the calibrated probabilities is known.

        Their mean takes the place of the middle of the bin. Probabilities whose mean is near an
        end of the bin lie near it, so that they cannot rise as much as the bin would allow.

        Raises:
            InvalidInput: a sum is not what rows of its bin can add up to.
        """
        means = np.divide(mass, rows, out=self.rates.copy(), where=rows > 0)
        low, high = self.rates - self.slopes / 2, self.rates + self.slopes / 2
        if not ((means >= low - 1e-6) & (means <= high + 1e-6)).all():
            msg = "the sums of calibrated probabilities do not fit the calibration map: recount"
            raise InvalidInput(msg)
        room = np.maximum(0.0, np.minimum(means - low, high - means))
        return Calibration(np.clip(means, low, high), np.minimum(self.slopes, 2 * room))

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON."""
        return {"rates": self.rates.tolist(), "slopes": self.slopes.tolist()}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Calibration:
        """A calibration as `to_json` wrote it."""
        return cls(*(np.array(content[name], dtype=np.float64) for name in ("rates", "slopes")))
