"""Whether enough of the truth about a window is known to judge it: labels come late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from serve_app.errors import InvalidInput

MATURE_SHARE = 0.95
"""Of the labels that will ever come, the share that must have come."""
MIN_LABELS = 30
"""Fewer labels say too little of how late they come."""
_POINTS = 41
"""Moments of a window at which the expected share is computed; predictions come evenly."""


@dataclass(frozen=True, slots=True)
class Window:
    """Predictions made from `start_s` to `end_s`, in seconds since 1970: rows and labelled rows.

    Raises:
        InvalidInput: it ends before it starts, or has more labels than rows.
    """

    start_s: float
    end_s: float
    predicted: int
    labelled: int

    def __post_init__(self) -> None:
        if self.end_s < self.start_s:
            raise InvalidInput(f"a window cannot end ({self.end_s}) before it starts")
        if not 0 <= self.labelled <= self.predicted:
            raise InvalidInput(f"{self.labelled} labelled rows of {self.predicted} predicted ones")


@dataclass(frozen=True, slots=True)
class Maturity:
    """What is known of a window.

    `coverage` is the share of its rows that have a label, `expected_share` that of the labels that
    will ever come which have come by now, `still_expected` the rows whose label is to come. They
    are None where too little is known, and `reason` says why a window is not mature.
    """

    coverage: float | None
    expected_share: float | None
    still_expected: float | None
    mature: bool
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON."""
        return {
            "coverage": self.coverage,
            "expected_share": self.expected_share,
            "still_expected": self.still_expected,
            "mature": self.mature,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Delays:
    """The distribution of label delays: `shares[i]` of the labels come within `delays_s[i]`."""

    delays_s: npt.NDArray[np.float64]
    shares: npt.NDArray[np.float64]
    n: int

    @classmethod
    def of(cls, delays_s: npt.ArrayLike, ages_s: npt.ArrayLike) -> Delays:
        """From labels so far: how late each came, and how old its prediction is now, in seconds.

        Of young predictions only the quick labels are known yet, so that counting alone would
        make delays too short. The product-limit estimate for truncated data corrects that
        (D. Lynden-Bell, MNRAS 155, 1971): each label stands for those of predictions that were
        old enough to show a delay like its own.

        Raises:
            InvalidInput: there are not as many of each.
        """
        delays = np.maximum(0.0, np.asarray(delays_s, dtype=np.float64).ravel())
        ages = np.asarray(ages_s, dtype=np.float64).ravel()
        if len(delays) != len(ages):
            raise InvalidInput(f"{len(delays)} delays of {len(ages)} predictions")
        usable = np.isfinite(delays) & np.isfinite(ages)
        delays, ages = delays[usable], np.maximum(ages[usable], delays[usable])
        distinct, counts = np.unique(delays, return_counts=True)
        if not len(distinct):
            return cls(distinct, distinct, 0)
        not_later = np.cumsum(counts)
        # Labels at most as late as each delay, of predictions at least as old as it.
        at_risk = not_later - np.searchsorted(np.sort(ages), distinct, side="left")
        shares = np.ones(len(distinct))
        steps = 1 - counts[1:] / at_risk[1:]
        shares[:-1] = np.cumprod(steps[::-1])[::-1]
        return cls(distinct, shares, len(delays))

    def share_within(self, age_s: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """The share of labels that come within some ages, in seconds."""
        places = np.searchsorted(self.delays_s, np.asarray(age_s, dtype=np.float64), side="right")
        return np.concatenate([[0.0], self.shares])[places]

    def to_json(self) -> dict[str, Any]:
        """The deciles of the delays, in seconds, and the number of labels."""
        if not self.n:
            return {"n": 0, "deciles_s": []}
        # A cumulative product may end a hair below a decile that it stands for.
        places = np.searchsorted(self.shares, np.arange(1, 10) / 10 - 1e-12)
        return {"n": self.n, "deciles_s": self.delays_s[places].tolist()}


def maturity_of(
    window: Window, delays: Delays, now_s: float, horizon_s: float | None = None
) -> Maturity:
    """Whether a window can be judged now.

    It is mature once 95 % of the labels that will ever come are expected to have come, or once
    its youngest prediction is older than `horizon_s`, after which labels no longer count.
    """
    coverage = window.labelled / window.predicted if window.predicted else None
    if not window.predicted:
        return Maturity(coverage, None, None, mature=False, reason="no predictions in the window")
    if horizon_s is not None and now_s - window.end_s >= horizon_s:
        reason = "older than the horizon of feedback"
        return Maturity(coverage, 1.0, 0.0, mature=True, reason=reason)
    if delays.n < MIN_LABELS:
        reason = f"too few labels to know how late they come: {delays.n} of {MIN_LABELS}"
        return Maturity(coverage, None, None, mature=False, reason=reason)
    moments = np.linspace(window.start_s, window.end_s, _POINTS)
    share = float(delays.share_within(now_s - moments).mean())
    missing = window.predicted - window.labelled
    still = min(missing, window.labelled * (1 / share - 1)) if share > 0 else None
    mature = share >= MATURE_SHARE
    words = f"{share:.0%} of the labels that will come are expected by now"
    return Maturity(coverage, share, still, mature, words if mature else f"only {words}")
