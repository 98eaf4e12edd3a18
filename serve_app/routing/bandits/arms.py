"""What is known of the arms of a bandit, and what every policy has."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from serve_app.errors import ConfigError, InvalidInput

Shares = NDArray[np.float64]
"""The probability of each arm, of shape (arms,); they add up to 1."""


@dataclass(frozen=True, slots=True)
class Arm:
    """How many decisions for an arm have a reward, and what these add up to; each is in [0, 1].

    A decision whose reward is not known yet is in neither number.
    """

    decisions: int = 0
    reward: float = 0.0

    @property
    def mean(self) -> float | None:
        """The mean reward; none where no reward is known."""
        return self.reward / self.decisions if self.decisions else None

    def updated(self, decisions: int, reward: float) -> Arm:
        """The arm after further decisions, whose rewards add up to `reward`.

        Raises:
            InvalidInput: so many decisions cannot have earned that.
        """
        if decisions < 0 or not 0 <= reward <= decisions:
            msg = (
                f"{decisions} decisions cannot have earned {reward}: each reward is a number "
                "from 0 to 1"
            )
            raise InvalidInput(msg)
        return Arm(self.decisions + decisions, self.reward + reward)

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {"decisions": self.decisions, "reward": self.reward}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Arm:
        """Read what `to_json` wrote."""
        return cls(int(body["decisions"]), float(body["reward"]))


class Policy(Protocol):
    """Divides requests among arms by what is known of each; it keeps nothing itself."""

    def shares(self, arms: Sequence[Arm]) -> Shares:
        """The probability with which each arm is to answer the next request."""
        ...


class ContextualPolicy(Protocol):
    """Divides requests among arms by what each request holds, and by what was learned before."""

    def shares(self, context: NDArray[np.float64]) -> Shares:
        """The probability with which each arm is to answer a request of this context.

        The context is of shape (features,), NaN where the request has no number.
        """
        ...


def choose(shares: Sequence[float] | Shares, draw: float) -> int:
    """The arm that a draw in [0, 1) falls to, of arms with these shares."""
    point = draw * math.fsum(shares)
    last = 0
    for index, share in enumerate(shares):
        if share > 0:
            last = index
            point -= share
            if point < 0:
                return index
    # Rounding can leave a point at the very end.
    return last


def floored(shares: Shares, floor: float) -> Shares:
    """Shares of which none is below a floor: floor + (1 - arms * floor) * share.

    Raises:
        ConfigError: so many arms cannot have that much each.
    """
    arms = len(shares)
    if not 0 <= floor * arms <= 1:
        raise ConfigError(
            f"floor is {floor:g} and there are {arms} arms, which would need "
            f"{floor * arms:.0%} of the requests; write at most {1 / arms:.4g}"
        )
    return floor + (1 - arms * floor) * shares


def among_best(indices: Shares, untried: NDArray[np.bool_]) -> Shares:
    """All to the arms of the highest index, equally; an equal part to each that is untried.

    Untried arms are those without a reward. All requests until their first reward is known would
    be too many where rewards come days later.
    """
    arms = len(indices)
    shares = np.full(arms, 1 / arms)
    tried = ~untried
    if tried.any():
        best = tried & (indices == indices[tried].max())
        shares[tried] = 0.0
        shares[best] = tried.sum() / arms / best.sum()
    return shares
