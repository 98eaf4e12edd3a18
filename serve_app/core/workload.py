"""How busy one replica is and how long work waits for it: counted one by one, read in blocks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from serve_app.core.ports import Clock

FORGET_AFTER_S = 3.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """What one gateway saw of one version in a block of time.

    `requests` waited on average at once and `wait_ms` each; a call took `round_trip_ms` there and
    back. `calls` were answered.
    """

    requests: float
    wait_ms: float
    round_trip_ms: float
    calls: int

    @property
    def nothing(self) -> bool:
        """Whether nobody asked anything and nobody waits."""
        return self.calls == 0 and self.requests == 0


@dataclass(frozen=True, slots=True)
class Load:
    """What a replica says of itself, as means over a block of time.

    `ongoing_requests` are those that it had at once, where it counts them itself.
    """

    busy: float
    waiting_requests: float
    wait_ms: float
    call_ms: float
    calls: int
    ongoing_requests: float | None = None


@dataclass(slots=True, eq=False)
class Call:
    """One call of a replica: when it arrived, began to compute, and was given up by who waited."""

    arrived_s: float
    began_s: float = field(default=0.0)
    given_up_s: float | None = None


class Workload:
    """Follows the calls of one replica, and what gateways say of those that wait for it.

    Times are those of `clock`, in seconds. One call computes at a time.
    """

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._since_s = clock()
        self._computing: set[Call] = set()
        self._busy_s = self._queued_s = self._inside_s = 0.0
        self._calls = 0
        self._waiting: dict[str, tuple[float, Waiting]] = {}

    def arrived(self) -> Call:
        """Take note of a call that has come, and waits for its turn to compute."""
        return Call(self._clock())

    def began(self, call: Call) -> None:
        """Take note that a call begins to compute."""
        call.began_s = self._clock()
        self._queued_s += call.began_s - call.arrived_s
        self._computing.add(call)

    def ended(self, call: Call) -> None:
        """Take note that a call has been computed."""
        now = self._clock()
        self._computing.remove(call)
        self._busy_s += now - max(call.began_s, self._since_s)
        self._inside_s += now - call.arrived_s
        self._calls += 1

    def given_up(self, call: Call) -> None:
        """Take note that nobody waits for a call any more, which may compute all the same."""
        call.given_up_s = self._clock()

    def stalled_s(self) -> float:
        """How long something has been computed for which nobody waits any more; 0.0 for nothing."""
        now = self._clock()
        # Whoever computes may end one meanwhile.
        calls = tuple(self._computing)
        return max(
            (now - max(c.given_up_s, c.began_s) for c in calls if c.given_up_s is not None),
            default=0.0,
        )

    def hear(self, gateway: str, waiting: Waiting) -> None:
        """Take what a gateway says of the calls that it has for this version."""
        self._waiting[gateway] = (self._clock(), waiting)

    def read(self) -> Load:
        """What was since the last reading, which begins a new block."""
        now = self._clock()
        elapsed = max(now - self._since_s, 1e-6)
        calls_now = tuple(self._computing)
        computing = sum(now - max(call.began_s, self._since_s) for call in calls_now)
        calls = self._calls
        inside_ms = 1000 * self._inside_s / calls if calls else 0.0
        queued_ms = 1000 * self._queued_s / calls if calls else 0.0
        requests, wait_ms = _due(self._lately(now), inside_ms)
        load = Load(
            busy=min(1.0, (self._busy_s + computing) / elapsed),
            waiting_requests=requests,
            wait_ms=wait_ms + queued_ms,
            call_ms=max(0.0, inside_ms - queued_ms),
            calls=calls,
        )
        self._since_s = now
        self._busy_s = self._queued_s = self._inside_s = 0.0
        self._calls = 0
        return load

    def _lately(self, now: float) -> Mapping[str, Waiting]:
        self._waiting = {
            name: entry for name, entry in self._waiting.items() if now - entry[0] <= FORGET_AFTER_S
        }
        return {name: waiting for name, (_, waiting) in self._waiting.items()}


def _due(waiting_by_gateway: Mapping[str, Waiting], inside_ms: float) -> tuple[float, float]:
    """Requests that wait, and for how long, as far as the target is the cause.

    A gateway that is busy itself gets to its answers late, and then calls look long and queues
    with them. Of a call's way there and back only the time inside the target is the target's.
    """
    requests = wait_s = weight = 0.0
    for waiting in waiting_by_gateway.values():
        trip_ms = waiting.round_trip_ms
        share = min(1.0, inside_ms / trip_ms) if trip_ms > 0 else 1.0
        requests += share * waiting.requests
        calls = max(1, waiting.calls)
        wait_s += share * waiting.wait_ms * calls
        weight += calls
    return requests, wait_s / weight if weight else 0.0
