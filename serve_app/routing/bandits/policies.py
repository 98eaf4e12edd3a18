"""The policies that know of each arm how often it was rewarded, and how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from serve_app.routing.bandits.arms import Arm, Shares, among_best
from serve_app.routing.bandits.best import probability_best


@dataclass(frozen=True, slots=True)
class Thompson:
    """An arm answers as often as it is likely to be the best one.

    What is known of its mean reward is Beta(1 + reward, 1 + decisions - reward), also where
    rewards lie between 0 and 1. A draw from these shares is in law a draw from each of these
    distributions, of which the largest wins.
    Source: Thompson, "On the likelihood that one unknown probability exceeds another" (1933).
    """

    def shares(self, arms: Sequence[Arm]) -> Shares:
        """The probability of each arm to be the best."""
        reward = np.array([arm.reward for arm in arms])
        decisions = np.array([arm.decisions for arm in arms], float)
        return probability_best(1 + reward, 1 + decisions - reward)


@dataclass(frozen=True, slots=True)
class Ucb1:
    """The arm of the highest upper confidence bound answers.

    Its index is mean + sqrt(2 ln n / decisions), n being the decisions of all arms.
    Source: Auer, Cesa-Bianchi and Fischer, "Finite-time Analysis of the Multiarmed Bandit
    Problem" (2002), figure 1.
    """

    def shares(self, arms: Sequence[Arm]) -> Shares:
        """All to the arm of the highest index; of arms that are alike, to each as much."""
        decisions = np.array([arm.decisions for arm in arms], float)
        reward = np.array([arm.reward for arm in arms])
        untried = decisions == 0
        counted = np.where(untried, 1, decisions)
        total = max(1.0, decisions.sum())
        return among_best(reward / counted + np.sqrt(2 * np.log(total) / counted), untried)


@dataclass(frozen=True, slots=True)
class EpsilonGreedy:
    """The arm of the highest mean reward answers, and of `epsilon` of the requests any arm."""

    epsilon: float = 0.1

    def shares(self, arms: Sequence[Arm]) -> Shares:
        """1 - epsilon to the best arm, epsilon to all equally."""
        decisions = np.array([arm.decisions for arm in arms], float)
        reward = np.array([arm.reward for arm in arms])
        untried = decisions == 0
        best = among_best(reward / np.where(untried, 1, decisions), untried)
        return (1 - self.epsilon) * best + self.epsilon / len(arms)
