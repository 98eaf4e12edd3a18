"""Takes a bad candidate back on one gateway while control, which does so for all, is away."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from serve_app.control import rollouts
from serve_app.control.rollout_decisions import decided
from serve_app.core.arms import Arms
from serve_app.core.rollout import Rollout
from serve_app.core.snapshot import Snapshot
from serve_app.serving.rollout_evidence import Monitoring, evidence_of

TICK_S = 0.25
AWAY_S = 1.0
"""Control that has taken nothing for so long is away."""
GRACE_S = 2.0
logger = logging.getLogger("serve_app.gateway")


class LocalRollback:
    """Judges rollouts by what this gateway counted, and only while control is silent.

    `apply` lets a snapshot be in effect, `silence_s` tells how long control does not answer,
    `arms` what was counted here, `clock` seconds since 1970. A candidate that has lost a gate
    gets no request here until control has decided: it hears the same counts when it is back. If
    they are not enough for it, all gateways together, the candidate goes on after an interval.
    """

    def __init__(
        self,
        apply: Callable[[Snapshot], Awaitable[None]],
        arms: Callable[[], Mapping[str, Arms]],
        monitor: Monitoring,
        *,
        silence_s: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        self._apply = apply
        self._silence_s = silence_s
        self._arms = arms
        self._monitor = monitor
        self._clock = clock
        self._snapshot: Snapshot | None = None
        self._applied_s = 0.0
        self._away_s = 0.0
        self._taken_back: dict[str, int] = {}
        # Weights come from control and from here: one after the other.
        self._changing = asyncio.Lock()

    async def apply(self, snapshot: Snapshot) -> None:
        """Let a snapshot of control's be in effect, but for candidates that are taken back here."""
        async with self._changing:
            kept = {
                name: epoch
                for name, epoch in self._taken_back.items()
                if name in _running(snapshot) and snapshot.epochs.get(name, 0) == epoch
            }
            await self._apply(_without(snapshot, kept))
            self._snapshot, self._taken_back = snapshot, kept
            self._applied_s = self._clock()

    async def run(self) -> None:
        """Look again and again whether control is away and a candidate is to go, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(TICK_S)

    async def look(self) -> None:
        """Take back what has lost a gate while control is away; give back what it leaves."""
        snapshot, now_s = self._snapshot, self._clock()
        if snapshot is None or not _running(snapshot):
            return
        if self._silence_s() >= AWAY_S:
            self._away_s = now_s
            wanted = {**self._taken_back, **await self._lost(snapshot, now_s)}
        else:
            wanted = {
                name: epoch
                for name, epoch in self._taken_back.items()
                if now_s - self._away_s < _interval_s(snapshot, name) + GRACE_S
            }
        if wanted == self._taken_back:
            return
        async with self._changing:
            if self._snapshot is snapshot:
                await self._apply(_without(snapshot, wanted))
                self._taken_back = wanted

    async def _lost(self, snapshot: Snapshot, now_s: float) -> dict[str, int]:
        """The weights' epochs of endpoints whose candidates are to be taken back now."""
        counted = self._arms()
        lost: dict[str, int] = {}
        for name, rollout in _running(snapshot).items():
            epoch = snapshot.epochs.get(name, 0)
            arms = counted.get(name)
            if name in self._taken_back or arms is None or arms.epoch != epoch:
                continue
            settings = snapshot.endpoints[name].route.settings
            begun = rollouts.in_effect(rollout, self._applied_s)
            evidence = await evidence_of(
                name, begun, settings["gates"], arms.counts, self._monitor, now_s
            )
            decision = await asyncio.to_thread(decided, begun, settings, evidence, now_s)
            if decision.outcome == "roll back":
                lost[name] = epoch
                logger.warning(
                    "control is away: %s gets no request of %s here", rollout.candidate, name,
                    extra={"endpoint": name, "candidate": rollout.candidate, "why": decision.why},
                )  # fmt: skip
        return lost


def _running(snapshot: Snapshot) -> dict[str, Rollout]:
    """The rollouts that go on, of endpoints whose candidates answer."""
    return {
        name: one
        for name, one in snapshot.rollouts.items()
        if one.phase == "running" and name in snapshot.endpoints and name not in snapshot.waiting
    }


def _interval_s(snapshot: Snapshot, name: str) -> float:
    return float(snapshot.endpoints[name].route.settings["interval_s"])


def _without(snapshot: Snapshot, taken_back: Mapping[str, int]) -> Snapshot:
    """The snapshot with nothing for the candidates of these endpoints."""
    if not taken_back:
        return snapshot
    changed = {
        name: snapshot.endpoints[name].with_weights(
            replace(snapshot.rollouts[name], phase="rolled back").weights
        )
        for name in taken_back
    }
    return replace(snapshot, endpoints={**snapshot.endpoints, **changed})
