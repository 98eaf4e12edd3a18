"""How a gateway asks versions that compute in replicas, and what it knows of them."""

from collections.abc import Callable, Collection, Mapping

from serve_app.core.batcher import Counters
from serve_app.core.ports import Clock, Models
from serve_app.engine.breaking import BreakingModels
from serve_app.engine.coalesced import CoalescedModels, Limits
from serve_app.engine.surviving import SurvivingModels
from serve_app.serving.handles import HandleModels
from serve_app.serving.untraced import Parts


class ReplicaModels:
    """Versions in replicas: one call for what waits, none for what kills, none for the silent."""

    def __init__(self, parts: Parts, limits: Limits, *, clock: Clock) -> None:
        self.handles: HandleModels = parts.handles(clock=clock)
        calls = parts.calls(self.handles)
        self._coalesced = CoalescedModels(
            calls,
            clock=clock,
            limits=limits,
            replicas=self.handles.replicas,
            coalescer=parts.coalescer,
        )
        self._surviving = SurvivingModels(self._coalesced, calls, clock=clock)
        self._breaking = BreakingModels(self._surviving, clock=clock)
        self.models: Models = parts.models(self._breaking)
        self.counters: Callable[[], Mapping[str, Counters]] = self._coalesced.counters

    def problems(self) -> list[str]:
        """What an operator should know of versions, in words."""
        return [*self._surviving.problems(), *self._breaking.problems()]

    def retire(self, keep: Collection[str]) -> None:
        """Forget every version but these."""
        for one in (self._coalesced, self._surviving, self._breaking):
            one.retire(keep)
