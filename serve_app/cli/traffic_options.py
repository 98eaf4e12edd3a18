"""Options that say what simulated clients send."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from serve_app.cli.records_options import Share
from serve_app.core.lengths import UNITS_S
from serve_app.examples.clients import Traffic

_LENGTH = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)([smh]?)")
Command = Callable[..., Any]


class Rate(click.FloatRange):
    """So many in a second, more than none."""

    def __init__(self) -> None:
        super().__init__(0, 1000, min_open=True)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number; NaN, which no bound keeps out, is none."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is no number of requests in a second", param, ctx)
        return number


class Seconds(click.ParamType[float]):
    """A length of time: 90, 90s, 2m or 1h."""

    name = "time"

    def __init__(self, *, positive: bool = False) -> None:
        self._positive = positive

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Seconds."""
        if isinstance(value, float):
            return value
        length = _LENGTH.fullmatch(value)
        if length is None:
            self.fail(f"{value!r} is no length of time; write 90, 90s, 2m or 1h", param, ctx)
        seconds = float(length[1]) * UNITS_S[length[2] or "s"]
        if self._positive and not seconds:
            self.fail(f"{value!r} is no time at all; write 90s or 2m", param, ctx)
        return seconds


@dataclass(frozen=True, slots=True)
class Simulation:
    """What all clients of an endpoint send together, how many they are, and the seed."""

    traffic: Traffic
    clients: int
    seed: int


def traffic_options(length: str) -> Callable[[Command], Command]:
    """The options of a command that simulates clients, for `length` unless it is given."""
    options = (
        click.option(
            "--rate", "rate_per_s", type=Rate(), default=20.0,
            show_default=True, help="Requests per second to each endpoint, in the mean.",
        ),
        click.option(
            "--for", "duration_s", type=Seconds(positive=True), default=length, show_default=True,
            help="How long requests are sent: 90s, 2m.",
        ),
        click.option(
            "--clients", type=click.IntRange(1, 64), default=4, show_default=True,
            help="How many send them side by side.",
        ),
        click.option(
            "--subjects", type=click.IntRange(min=1), default=5000, show_default=True,
            help="How many patients, customers or whoever there are; each always has the same row.",
        ),
        click.option(
            "--feedback-delay", "feedback_delay_s", type=Seconds(), default="2s",
            show_default=True, help="How long after an answer its truth is sent, in the mean.",
        ),
        click.option(
            "--feedback-share", type=Share(), default=1.0, show_default=True,
            help="Of how many answers the truth becomes known; 0 sends none.",
        ),
        click.option(
            "--seed", type=click.IntRange(min=0), default=1, show_default=True,
            help="What is sent, and when, follows from it.",
        ),
    )  # fmt: skip

    def with_options(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return with_options


def simulation(*, clients: int, seed: int, **traffic: Any) -> Simulation:
    """What the options say."""
    return Simulation(Traffic(**traffic), clients, seed)
