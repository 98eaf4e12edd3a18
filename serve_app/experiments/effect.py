"""How far a treatment's mean is from the control's: as a difference, or as a share of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from serve_app.errors import InvalidInput
from serve_app.experiments.estimate import Estimate


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect, its standard error in the same unit, and the rows that it rests on.

    `degrees_of_freedom` are Welch and Satterthwaite's, of the two means.
    """

    value: float
    standard_error: float
    n_control: int
    n_treatment: int
    degrees_of_freedom: float

    @property
    def n(self) -> int:
        """The rows of both arms together."""
        return self.n_control + self.n_treatment


def difference(control: Estimate, treatment: Estimate) -> Effect:
    """The treatment's mean minus the control's.

    Raises:
        InvalidInput: neither arm varies, so that nothing says how sure the difference is.
    """
    variance = treatment.variance / treatment.n + control.variance / control.n
    return _effect(treatment.value - control.value, math.sqrt(variance), control, treatment)


def lift(control: Estimate, treatment: Estimate) -> Effect:
    """The difference as a share of the control's mean: 0.05 where it is 5 % larger.

    Its variance is the delta method's, for the quotient of two means that both vary. It
    divides by the size of the control's mean, so that more is positive for negative means too.

    Raises:
        InvalidInput: as `difference`, or the control's mean is zero.
    """
    base = control.baseline
    if base == 0:
        raise InvalidInput(
            "the control's mean is zero, and no lift is relative to that: ask for the difference"
        )
    apart = treatment.value - control.value
    share = (treatment.centre - control.centre) / base
    of_control = (
        control.variance
        + 2 * share * control.baseline_covariance
        + share * share * control.baseline_variance
    )
    variance = treatment.variance / treatment.n + of_control / control.n
    error = math.sqrt(max(variance, 0.0)) / abs(base)
    return _effect(apart / abs(base), error, control, treatment)


def _effect(value: float, error: float, control: Estimate, treatment: Estimate) -> Effect:
    if not (math.isfinite(value) and math.isfinite(error)):
        raise InvalidInput(
            "the effect is not a finite number: the sums are too large, or the control's mean too"
            " close to zero for a lift"
        )
    if error <= 0:
        raise InvalidInput(
            "no value of either arm differs from its others: nothing says how sure a difference"
            " is until some do"
        )
    return Effect(
        value=value,
        standard_error=error,
        n_control=control.n,
        n_treatment=treatment.n,
        degrees_of_freedom=_welch_satterthwaite(control, treatment),
    )


def _welch_satterthwaite(control: Estimate, treatment: Estimate) -> float:
    a, b = control.variance / control.n, treatment.variance / treatment.n
    if a + b == 0:
        return float(control.n + treatment.n - 2)
    # By shares, since squares of small variances would vanish.
    share_a, share_b = a / (a + b), b / (a + b)
    return 1 / (share_a**2 / (control.n - 1) + share_b**2 / (treatment.n - 1))
