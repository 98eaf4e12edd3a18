"""Customers at a live endpoint: what they are shown, what they click, and what the route learns."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from examples.case_study.session import CaseStudyError, Endpoint, Session
from examples.recommendations.customers import Customers
from examples.recommendations.log import FEATURES

ENDPOINT = "shop"
EVERY = 500
"""After so many impressions clicks are reported, and what they teach is waited for."""
_COUNTED_WITHIN_S = 90.0
_POLL_S = 1.0


@dataclass(frozen=True, slots=True)
class Shown:
    """The arm of each impression, and whether its item was clicked: 1 or 0."""

    arms: tuple[str, ...]
    clicks: tuple[float, ...]

    def __add__(self, later: Shown) -> Shown:
        """These and what came later."""
        return Shown(self.arms + later.arms, self.clicks + later.clicks)

    def share_of(self, arm: str, *, last: int) -> float:
        """The share of an arm among the last impressions."""
        return self.arms[-last:].count(arm) / last


def shown(endpoint: Endpoint, customers: Customers, places: range) -> Shown:
    """Show an item at these impressions, drawn by the probabilities that the endpoint says.

    Every click is reported, and every time that nobody clicked.
    """
    rows = customers.log.rows[list(FEATURES)]
    arms: list[str] = []
    clicks: list[float] = []
    items = []
    for place in places:
        answer = endpoint.client.predict(ENDPOINT, rows[place : place + 1])
        shares = np.array(answer.probabilities or [[]], float)[0]
        clicks.append(customers.click(place, shares))
        arms.append(answer.variants[0])
        items.append({"prediction": answer, "reward": clicks[-1]})
    endpoint.client.feedback_all(ENDPOINT, items)
    return Shown(tuple(arms), tuple(clicks))


def learned(session: Session, customers: Customers, impressions: int) -> Shown:
    """The same part by part, where the route has learned from all clicks before the next part."""
    seen = Shown((), ())
    for begin in range(0, impressions, EVERY):
        part = range(begin, min(begin + EVERY, impressions))
        seen += shown(session.endpoints[-1], customers, part)
        _wait_until_counted(session.unseen(), part.stop)
    return seen


def _wait_until_counted(session: Session, decisions: int) -> None:
    """Wait until the monitor has counted the reward of every decision.

    Raises:
        CaseStudyError: it has not in time.
    """
    deadline = time.monotonic() + _COUNTED_WITHIN_S
    while (counted := _counted(session)) < decisions:
        if time.monotonic() > deadline:
            msg = f"{counted} of {decisions} decisions have a reward after {_COUNTED_WITHIN_S:g} s"
            raise CaseStudyError(msg)
        time.sleep(_POLL_S)
    # Gateways pull what control knows within this time.
    time.sleep(_POLL_S)


def _counted(session: Session) -> int:
    (one,) = session.json("endpoints", "list")["endpoints"]
    return sum(int(arm["decisions"]) for arm in one["rewards"].values())
