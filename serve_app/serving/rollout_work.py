"""Moves rollouts on: reads what was counted, decides, and lets the next share be in effect."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from serve_app.control import rollouts
from serve_app.control.arm_totals import ArmTotals
from serve_app.control.gates import Evidence
from serve_app.control.rollout_decisions import Decision, decided, moved
from serve_app.control.snapshots import Snapshots
from serve_app.core.arms import Arms
from serve_app.core.events import Event
from serve_app.core.rollout import Rollout
from serve_app.core.snapshot import Endpoint
from serve_app.gateway.admin.actions import Change
from serve_app.serving.rollout_evidence import Monitoring, evidence_of

TICK_S = 0.25
KIND = "rollout"
CONTROL = "control"
logger = logging.getLogger("serve_app.control")
Json = dict[str, Any]


class RolloutWork:
    """Judges each rollout that runs once per interval, and does what follows.

    `announce` lets gateways know of a new snapshot, `keep` keeps events, `clock` gives seconds
    since 1970. A rollout is saved with the weights that follow from it before anybody sees them.
    """

    def __init__(
        self,
        snapshots: Snapshots,
        monitor: Monitoring,
        *,
        announce: Callable[[], Awaitable[None]],
        keep: Callable[..., Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        self._snapshots = snapshots
        self._monitor = monitor
        self._announce = announce
        self._keep = keep
        self._clock = clock
        self._totals = ArmTotals()
        self._decisions: dict[str, Decision] = {}
        self._judged_s: dict[str, float] = {}
        # One change at a time, whether a person makes it or a gate.
        self._changing = asyncio.Lock()

    def count(self, replica: str, arms: Mapping[str, Arms]) -> None:
        """Take what a gateway has counted of versions that are compared."""
        self._totals.take(replica, arms)

    async def run(self) -> None:
        """Judge what is due, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(TICK_S)

    async def look(self) -> None:
        """Judge each rollout that is due once.

        Raises:
            RegistryFailed: what follows cannot be kept; it is tried again.
        """
        self._totals.keep(self._snapshots.rollouts)
        for name in list(self._snapshots.rollouts):
            async with self._changing:
                await self._look_at(name)

    async def _look_at(self, name: str) -> None:
        rollout = self._snapshots.rollouts.get(name)
        endpoint = self._snapshots.current.endpoints.get(name)
        if rollout is None or endpoint is None or rollout.phase != "running":
            return
        now_s = self._clock()
        if self._is_in_effect(name, rollout, endpoint) and rollout.since_s is None:
            rollout = rollouts.in_effect(rollout, now_s)
            self._snapshots.move_rollout(name, rollout)
        settings = endpoint.route.settings
        if now_s - self._judged_s.get(name, 0.0) < settings["interval_s"]:
            return
        evidence = await self._evidence(name, rollout, settings, now_s)
        # A new control hears what gateways counted only after its first look, which is none then:
        # the interval goes on from where the one before it began.
        heard = evidence != Evidence()
        self._judged_s[name] = now_s if heard or rollout.since_s is None else rollout.since_s
        decision = await asyncio.to_thread(decided, rollout, settings, evidence, now_s)
        self._decisions[name] = decision
        await self._follow(name, rollout, decision)

    def _is_in_effect(self, name: str, rollout: Rollout, endpoint: Endpoint) -> bool:
        """Whether requests are divided by the step's share: the candidate answers."""
        return name not in self._snapshots.current.waiting and (
            endpoint.route.weights == rollout.weights
        )

    async def _evidence(
        self, name: str, rollout: Rollout, settings: Mapping[str, Any], now_s: float
    ) -> Evidence:
        """What is known of both versions since the step is in effect."""
        counts = self._totals.of(name, self._snapshots.current.epochs.get(name, 0))
        return await evidence_of(name, rollout, settings["gates"], counts, self._monitor, now_s)

    async def _follow(self, name: str, rollout: Rollout, decision: Decision) -> None:
        after = moved(rollout, decision)
        if after is rollout:
            return
        await self._change(name, rollout, after, Change(CONTROL, decision.why))

    async def act(self, name: str, action: rollouts.Action, change: Change) -> Json:
        """Start, pause, resume, promote or roll back, and tell how it stands then.

        Raises:
            NotFound: the endpoint has no rollout.
            Conflict: that cannot be done in its phase.
            RegistryFailed: it cannot be kept; nothing has changed.
        """
        async with self._changing:
            before = self._snapshots.rollout(name)
            after = rollouts.acted(before, action, change.why, endpoint=name)
            self._decisions.pop(name, None)
            self._judged_s.pop(name, None)
            await self._change(name, before, after, change)
            return self.report(name)

    async def _change(self, name: str, before: Rollout, after: Rollout, change: Change) -> None:
        self._snapshots.move_rollout(name, after)
        logger.warning(
            "rollout of %s: %s, %.4g of requests", name, after.phase, after.share,
            extra={"endpoint": name, "candidate": after.candidate, "why": change.why},
        )  # fmt: skip
        await self._announce()
        await self._keep(
            Event(
                self._clock(), change.who, KIND, name, change.why,
                before=_line(before), after=_line(after),
            )
        )  # fmt: skip

    def reports(self) -> list[Json]:
        """How each rollout stands."""
        return [self.report(name) for name in sorted(self._snapshots.rollouts)]

    def report(self, name: str) -> Json:
        """How the rollout of an endpoint stands, and what was decided last.

        Raises:
            NotFound: it has none.
        """
        rollout = self._snapshots.rollout(name)
        decision = self._decisions.get(name)
        counts = self._totals.of(name, self._snapshots.current.epochs.get(name, 0))
        endpoint = self._snapshots.current.endpoints.get(name)
        return {
            "endpoint": name,
            "start": None if endpoint is None else endpoint.route.settings.get("start"),
            **rollout.to_json(),
            "share": rollout.share,
            "requests": {version: one.requests for version, one in sorted(counts.items())},
            "waiting": list(self._snapshots.current.waiting.get(name, ())),
            "last": None if decision is None else decision.to_json(),
        }


def _line(rollout: Rollout) -> Json:
    return {"phase": rollout.phase, "share": rollout.share, "candidate": rollout.candidate}
