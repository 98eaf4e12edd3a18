"""What a policy would have earned, by another policy's log, beside what it earned itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from examples.recommendations.log import POSITIONS, Log
from serve_app.experiments.interval import Interval
from serve_app.experiments.off_policy import (
    PolicyValue,
    bounded_sequence,
    doubly_robust,
    inverse_propensity,
    self_normalised,
)

Shares = NDArray[np.float64]
"""Probabilities of items, of shape (impressions, items); each row adds up to 1."""


@dataclass(frozen=True, slots=True)
class Offline:
    """The value of a policy by a log of another one, by three estimators.

    `bounds` hold for any number of rows, whatever the distribution of rewards.
    """

    inverse_propensity: PolicyValue
    self_normalised: PolicyValue
    doubly_robust: PolicyValue
    bounds: Interval


def shares_by_position(log: Log) -> Shares:
    """How often each item was shown at each position, of shape (positions, items).

    A policy that learns while it is logged was another one every hour: this is what it was in the
    mean over the log.
    """
    counts = np.zeros((POSITIONS, log.items))
    np.add.at(counts, (log.position, log.item), 1.0)
    shares: Shares = counts / counts.sum(axis=1, keepdims=True)
    return shares


def offline(log: Log, shares: Shares, *, weight: float = 1_000.0) -> Offline:
    """What a policy with these shares for each impression would have earned per impression.

    The model of the doubly robust estimator is the click rate of each item, shrunk to that of all
    items as if they had been shown `weight` times more. It is fitted on the other half of the log
    (cross-fitting), so that no impression is predicted by its own click.

    Raises:
        InvalidInput: the policy takes none of the logged decisions.
    """
    places = np.arange(len(log))
    target = shares[places, log.item]
    logged = (log.click, log.propensity, target)
    expected = _expected_rewards(log, weight)
    return Offline(
        inverse_propensity(*logged),
        self_normalised(*logged),
        doubly_robust(*logged, expected[places, log.item], (shares * expected).sum(axis=1)),
        bounded_sequence(*logged, tightest_at=len(log)).interval,
    )


def earned(log: Log) -> PolicyValue:
    """What the log's own policy earned per impression, with the interval of a mean."""
    ones = np.ones(len(log))
    return inverse_propensity(log.click, ones, ones)


def _expected_rewards(log: Log, weight: float) -> Shares:
    """The click rate that the other half of the log expects of each item, for each impression."""
    halves = np.arange(len(log)) % 2
    expected = np.empty((len(log), log.items))
    for half in (0, 1):
        other = halves != half
        shown = np.bincount(log.item[other], minlength=log.items)
        clicks = np.bincount(log.item[other], log.click[other], minlength=log.items)
        mean = clicks.sum() / shown.sum()
        expected[halves == half] = (clicks + weight * mean) / (shown + weight)
    return expected
