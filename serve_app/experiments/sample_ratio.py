"""Whether the arms got the shares of subjects that their weights promise.

`chi_square` is for one look at the end. `sequential` and `RatioState` may be looked at after
every subject: an alarm at alpha is false with a probability of at most alpha over all looks. Both
drop arms of weight 0 and say how many subjects those had all the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc

from serve_app.errors import InvalidInput
from serve_app.experiments import arguments, arrays
from serve_app.experiments.arrays import Floats, Numbers
from serve_app.experiments.dirichlet_multinomial import CONCENTRATION, log_e_values

ALPHA = 0.001
"""The probability of a false alarm, where nothing else is set."""


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """Pearson's test of counts against weights; `p_value` is 1 where nothing can be compared.

    `expected` are the counts that the weights promise, of arms that have a weight and a count.
    `unexpected` is how many subjects arms of weight 0 had.
    """

    statistic: float
    degrees_of_freedom: int
    p_value: float
    expected: tuple[float, ...]
    unexpected: int


def chi_square(counts: Numbers, weights: Numbers) -> ChiSquare:
    """Test once whether the counts of subjects fit the weights, which need not sum to 1.

    Arms of weight 0 are left out, and so are last arms that have no count yet. The p-value is
    1 where fewer than two arms are left, or no subject.

    Raises:
        InvalidInput: a count is not a whole number from 0 up, a weight is negative, the weights
            sum to 0, or there are more counts than weights.
    """
    shares = arrays.weights("the weights", weights)
    n = arrays.counts("the counts of subjects", counts)
    if n.ndim != 1 or len(n) > len(shares):
        raise InvalidInput(
            f"there are counts of shape {n.shape} for {len(shares)} weights; "
            "there has to be one count per weight"
        )
    shares = shares[: len(n)]
    compared = shares > 0
    unexpected = int(n[~compared].sum())
    n, shares = n[compared], shares[compared]
    total = float(n.sum())
    if len(n) < 2 or total == 0:
        return ChiSquare(0.0, max(0, len(n) - 1), 1.0, tuple(n.tolist()), unexpected)
    expected = total * shares / shares.sum()
    # Next to nothing was expected of what came: the statistic may be infinite then.
    with np.errstate(over="ignore"):
        statistic = float(((n - expected) ** 2 / expected).sum())
    freedom = len(n) - 1
    p_value = float(chdtrc(freedom, statistic))
    return ChiSquare(statistic, freedom, p_value, tuple(expected.tolist()), unexpected)


@dataclass(frozen=True, slots=True)
class RatioState:
    """What the sequential test knows after some looks; `after` gives what it knows after one more.

    Whenever the weights change, an epoch begins: the e-value of an epoch is that of its counts
    against its weights, and the e-values of all epochs multiply. `alarm_at` is how many subjects
    there were when the p-value first fell to alpha; None before that. All members are numbers, so
    that `RatioState(**kept)` goes on from what `dataclasses.asdict` gave to keep.
    """

    concentration: float = CONCENTRATION
    alpha: float = ALPHA
    weights: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    subjects: int = 0
    unexpected: int = 0
    alarm_at: int | None = None
    log_e_of_closed_epochs: float = 0.0
    log_e_of_epoch: float = 0.0
    highest_log_e: float = 0.0

    def __post_init__(self) -> None:
        arguments.positive("the concentration", self.concentration)
        arguments.probability("alpha", self.alpha)

    @property
    def log_e_value(self) -> float:
        """Natural logarithm of the evidence against the weights now."""
        return self.log_e_of_closed_epochs + self.log_e_of_epoch

    @property
    def p_value(self) -> float:
        """The always-valid p-value: it never rises, and holds at every look."""
        return math.exp(-self.highest_log_e)

    def posterior(self, prior_odds: float = 1.0) -> float:
        """The probability of a mismatch, from the odds of one before any subject came.

        Raises:
            InvalidInput: the odds are not above 0.
        """
        return _posterior(self.log_e_value, arguments.positive("the prior odds", prior_odds))

    def after(self, arrivals: Numbers, weights: Numbers) -> RatioState:
        """What is known after some more subjects, who came under these weights.

        Raises:
            InvalidInput: as `chi_square`, or there are not as many counts as weights.
        """
        shares = arrays.weights("the weights", weights)
        n = arrays.counts("the counts of subjects", arrivals)
        if n.shape != shares.shape:
            raise InvalidInput(
                f"there are counts of shape {n.shape} for {len(shares)} weights; "
                "there has to be one count per weight"
            )
        same = shares.tolist() == list(self.weights)
        total = n + self.counts if same else n
        closed = self.log_e_of_closed_epochs if same else self.log_e_value
        compared = shares > 0
        log_e = float(log_e_values(total[compared], shares[compared], self.concentration))
        highest = max(self.highest_log_e, closed + log_e)
        subjects = self.subjects + int(n.sum())
        alarm_at = self.alarm_at
        if alarm_at is None and highest >= -math.log(self.alpha):
            alarm_at = subjects
        return replace(
            self,
            weights=tuple(shares.tolist()),
            counts=tuple(int(count) for count in total),
            subjects=subjects,
            unexpected=self.unexpected + int(n[~compared].sum()),
            alarm_at=alarm_at,
            log_e_of_closed_epochs=closed,
            log_e_of_epoch=log_e,
            highest_log_e=highest,
        )


@dataclass(frozen=True, slots=True)
class SequentialRatio:
    """The sequential test at every look.

    `log_e_values` are natural logarithms of Bayes factors for a mismatch, `p_values` never rise,
    `posteriors` are probabilities of a mismatch. `first_alarm` is the place of the first look at
    which the p-value is at most alpha; None where there is no such look.
    """

    log_e_values: tuple[float, ...]
    p_values: tuple[float, ...]
    posteriors: tuple[float, ...]
    first_alarm: int | None
    unexpected: int


def sequential(
    arrivals: npt.ArrayLike,
    weights: npt.ArrayLike,
    *,
    concentration: float = CONCENTRATION,
    centre: Sequence[float] | None = None,
    prior_odds: float = 1.0,
    alpha: float = ALPHA,
) -> SequentialRatio:
    """Test at every look whether the counts of subjects fit the weights.

    `arrivals` has a row per look and a column per arm: how many subjects came since the look
    before. `weights` are one per arm, or a row of them per look where they change; at each change
    an epoch begins, and the e-values of epochs multiply. `centre` are shares around which those
    of the alternative lie, with `concentration`; without it they are the weights.

    Raises:
        InvalidInput: a count is not a whole number from 0 up, a weight is negative, weights sum
            to 0, the shapes do not fit, or alpha, the odds or the concentration is out of range.
    """
    n = arrays.counts("the counts of subjects", arrivals)
    if n.ndim != 2 or not len(n):
        raise InvalidInput("the counts of subjects need a row per look and a column per arm")
    given = np.asarray(weights, dtype=np.float64)
    rows = np.broadcast_to(given, n.shape) if given.shape == n.shape[1:] else given
    if rows.shape != n.shape:
        raise InvalidInput(
            f"the weights have the shape {given.shape} and the counts {n.shape}; "
            "weights are one per arm, or one per look and arm"
        )
    arguments.positive("the concentration", concentration)
    arguments.positive("the prior odds", prior_odds)
    arguments.probability("alpha", alpha)
    if centre is not None and (len(centre) != n.shape[1] or min(centre) <= 0):
        raise InvalidInput("the centre of the alternative needs a share above 0 for every arm")
    log_e, unexpected = _over_epochs(n, rows, concentration, centre)
    highest = np.maximum(np.maximum.accumulate(log_e), 0.0)
    alarms = np.flatnonzero(highest >= -math.log(alpha))
    return SequentialRatio(
        log_e_values=tuple(log_e.tolist()),
        p_values=tuple(np.exp(-highest).tolist()),
        posteriors=tuple(_posterior(one, prior_odds) for one in log_e.tolist()),
        first_alarm=int(alarms[0]) if len(alarms) else None,
        unexpected=unexpected,
    )


def _over_epochs(
    n: Floats, weights: Floats, concentration: float, centre: Sequence[float] | None
) -> tuple[Floats, int]:
    # Weights that are shares of different sums are the same weights.
    changed = (weights[1:] * weights[:-1].sum(axis=1)[:, None]) != (
        weights[:-1] * weights[1:].sum(axis=1)[:, None]
    )
    changes = np.flatnonzero(changed.any(axis=1)) + 1
    log_e = np.empty(len(n))
    closed = 0.0
    unexpected = 0
    for rows in np.split(np.arange(len(n)), changes):
        shares = arrays.weights("the weights", weights[rows[0]])
        compared = shares > 0
        middle = None if centre is None else np.asarray(centre)[compared]
        counts = n[rows][:, compared].cumsum(axis=0)
        log_e[rows] = closed + log_e_values(counts, shares[compared], concentration, middle)
        closed = float(log_e[rows[-1]])
        unexpected += int(n[rows][:, ~compared].sum())
    return log_e, unexpected


def _posterior(log_e: float, prior_odds: float) -> float:
    log_odds = log_e + math.log(prior_odds)
    if log_odds > 0:
        return 1 / (1 + math.exp(-log_odds))
    odds = math.exp(log_odds)
    return odds / (1 + odds)
