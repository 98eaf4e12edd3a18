"""How often endpoints are asked, and how fast they answer, over the last half an hour.

All gateways together: each tells again and again what it counted since it started, and what is
more than it told last came since then. Nothing of it is kept when control ends.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

from serve_app.core.tally import Tally
from serve_app.monitoring.counting import ANSWERS, outages
from serve_app.monitoring.histogram import quantile_s

STEP_S = 10
STEPS = 180
NOW_STEPS = 3
"""Of so many steps that are over is what is said of now."""
SILENT_S = 600.0
"""A gateway that says nothing for so long is forgotten."""
Json = dict[str, Any]
_NOTHING = Tally()


@dataclass(frozen=True, slots=True)
class _Message:
    """What a gateway counted by a moment, and which message of its own said so."""

    at_s: float
    number: int
    tallies: Mapping[str, Tally]


class RequestCourses:
    """Sums of what gateways told, by endpoint and step of time; `clock` is seconds since 1970."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since_s = clock()
        self._last: dict[str, _Message] = {}
        self._steps: dict[str, dict[int, Tally]] = {}

    def take(self, replica: str, number: int, tallies: Mapping[str, Tally]) -> None:
        """Take what a gateway counted so far; `number` grows with each message of it.

        Of one that was never heard before all of that is older, since nobody knows when it was.
        """
        now_s = self._clock()
        former = self._last.get(replica)
        if former is not None and number <= former.number:
            return
        self._last = {
            name: one for name, one in self._last.items() if now_s - one.at_s < SILENT_S
        } | {replica: _Message(now_s, number, tallies)}
        if former is None:
            return
        step = int(now_s // STEP_S)
        for endpoint, tally in tallies.items():
            more = tally.since(former.tallies.get(endpoint, _NOTHING))
            if more.requests:
                steps = self._steps.setdefault(endpoint, {})
                steps[step] = steps.get(step, _NOTHING) + more
                for old in [one for one in steps if one <= step - STEPS]:
                    del steps[old]

    def keep(self, endpoints: Collection[str]) -> None:
        """Forget all endpoints but these."""
        self._steps = {name: one for name, one in self._steps.items() if name in endpoints}

    def now(self) -> Json:
        """How often every endpoint is asked now that is asked at all, and how fast it is."""
        return {
            name: one for name in self._steps if (one := self.of(name)["now"])["requests_per_s"]
        }

    def of(self, endpoint: str) -> Json:
        """The course of an endpoint until the last step that is over; `now` is its end."""
        last = int(self._clock() // STEP_S)
        steps = self._steps.get(endpoint, {})
        first = max(last - STEPS + 1, int(self._since_s // STEP_S))
        recent = [one for at, one in steps.items() if last - NOW_STEPS <= at < last]
        return {
            "endpoint": endpoint,
            "since_s": first * STEP_S,
            "until_s": last * STEP_S,
            "step_s": STEP_S,
            "versions": _requests_of(one for at, one in steps.items() if first <= at < last),
            "now": _now(reduce(add, recent, _NOTHING), NOW_STEPS * STEP_S),
            "moments": [
                {"at_s": at * STEP_S, **_moment(steps[at])}
                for at in sorted(steps)
                if first <= at < last
            ],
        }


def _requests_of(tallies: Iterable[Tally]) -> dict[str, int]:
    """Requests by the version that answered them."""
    whole = reduce(add, tallies, _NOTHING)
    return {version: sum(bins) for version, bins in sorted(whole.versions.items())}


def _moment(tally: Tally) -> Json:
    faults, answered = _number(tally, outages()), _number(tally, ANSWERS)
    return {
        "requests": tally.requests,
        "faults": faults,
        "refused": tally.requests - answered - faults,
        "p50_s": quantile_s(tally.bins, 0.5),
        "p99_s": quantile_s(tally.bins, 0.99),
    }


def _now(tally: Tally, seconds: int) -> Json:
    moment = _moment(tally)
    return {
        "seconds": seconds,
        **{f"{name}_per_s": moment[name] / seconds for name in ("requests", "faults", "refused")},
        "p50_s": moment["p50_s"],
        "p99_s": moment["p99_s"],
        "versions": {
            version: {
                "requests_per_s": sum(bins) / seconds,
                "p50_s": quantile_s(bins, 0.5),
                "p99_s": quantile_s(bins, 0.99),
            }
            for version, bins in sorted(tally.versions.items())
        },
        "stages": {
            version: {"rows_per_s": rows / seconds}
            for version, rows in sorted(tally.stages.items())
        },
    }


def _number(tally: Tally, outcomes: Collection[str]) -> int:
    return sum(number for name, number in tally.outcomes.items() if name in outcomes)
