"""Pictures of the study: what the log says of policies, and what a route learns from clicks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from examples.case_study.plot import Axis, Boxes, Dots, Line, Panel, Shape, picture
from examples.recommendations.offline import Offline
from examples.recommendations.replay import Replayed
from serve_app.experiments.off_policy import PolicyValue

_ESTIMATORS = ("inverse_propensity", "self_normalised", "doubly_robust")
_NAMES = ("IPS", "SNIPS", "doubly robust")
_HALF = 0.015
_STEP = 500


def offline(values: Mapping[str, Offline], came: PolicyValue) -> str:
    """The value of each policy with its interval, by estimator, beside what Thompson earned."""
    shapes: list[Shape] = []
    for number, (estimator, name) in enumerate(zip(_ESTIMATORS, _NAMES, strict=True)):
        placed = [
            (place + (number - 1) * 0.22, getattr(said, estimator))
            for place, said in enumerate(values.values())
        ]
        shapes += _interval(name, placed, number)
    shapes += _interval("earned itself", [(float(len(values)), came)], 3)
    labels = [(float(place), name) for place, name in enumerate((*values, "Thompson sampling"))]
    highest = max(
        1_000 * one.interval.upper
        for said in values.values()
        for one in (came, *(getattr(said, name) for name in _ESTIMATORS))
    )
    panel = Panel(
        "What 10,000 random choices say (95 %)",
        Axis("way of choosing", -0.5, len(values) + 0.5, labels=labels),
        Axis("clicks per 1,000 impressions", 0, highest * 1.05),
        shapes,
    )
    return picture(
        "Value of ways to choose",
        "Estimates by three estimators with intervals, and what Thompson sampling earned itself.",
        [panel],
    )


def _interval(name: str, placed: Sequence[tuple[float, PolicyValue]], colour: int) -> list[Shape]:
    boxes = [
        (x - _HALF, x + _HALF, max(0.0, 1_000 * one.interval.lower), 1_000 * one.interval.upper)
        for x, one in placed
    ]
    dots = [(x, 1_000 * one.value) for x, one in placed]
    return [Boxes(name, boxes, colour), Dots("", dots, colour, radius=6.0)]


def replay(
    real: Mapping[str, Sequence[Replayed]], often: Mapping[str, Sequence[Replayed]], arm: str
) -> str:
    """The share of an arm as impressions come, for each policy and each draw."""
    panels = [
        Panel(
            title,
            Axis("impressions", 0, 10_000),
            Axis(f"share of {arm}", 0, 1),
            _courses(replays, arm),
        )
        for title, replays in (
            ("46 clicks of 10,000", real), ("customers who click 30 times as often", often)
        )
    ]  # fmt: skip
    return picture(
        "What a route learns",
        "Share of requests that the arm got, by policy, five draws each.",
        panels,
    )


def _courses(replays: Mapping[str, Sequence[Replayed]], arm: str) -> list[Shape]:
    return [
        Line(policy if number == 0 else "", _course(one, arm), colour, dashed=bool(colour))
        for colour, (policy, runs) in enumerate(replays.items())
        for number, one in enumerate(runs)
    ]


def _course(one: Replayed, arm: str) -> list[tuple[float, float]]:
    is_arm = one.chosen == one.arms.index(arm)
    return [
        (float(end), float(np.mean(is_arm[end - _STEP : end])))
        for end in range(_STEP, len(is_arm) + 1, _STEP)
    ]
