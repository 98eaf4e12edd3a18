"""Starts and stops experiments, and keeps events of what became of them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from serve_app.control import experiments
from serve_app.control.snapshots import Snapshots
from serve_app.core.events import Event
from serve_app.core.experiment import Experiment
from serve_app.gateway.admin.actions import Change

TICK_S = 1.0
KIND = "experiment"
DEPLOYMENT = "deployment"
"""Who declares: Serve does not say who deployed."""
logger = logging.getLogger("serve_app.control")
Json = dict[str, Any]


class ExperimentWork:
    """Lets experiments begin once their endpoints stand; a person starts and stops them.

    `announce` lets others know of a new snapshot, `keep` keeps events, `clock` gives seconds since
    1970. A change is saved before anybody sees it.
    """

    def __init__(
        self,
        snapshots: Snapshots,
        *,
        announce: Callable[[], Awaitable[None]],
        keep: Callable[..., Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        self._snapshots = snapshots
        self._announce = announce
        self._keep = keep
        self._clock = clock
        self._known = dict(snapshots.experiments)
        # One change at a time, whoever makes it.
        self._changing = asyncio.Lock()

    async def run(self) -> None:
        """Look at what is declared, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(TICK_S)

    async def look(self) -> None:
        """Let those begin that are to, and keep events of what was declared.

        Raises:
            RegistryFailed: what follows cannot be kept; it is tried again.
        """
        async with self._changing:
            await self._look()

    async def _look(self) -> None:
        began = False
        for name, experiment in list(self._snapshots.experiments.items()):
            after = self._begun(name, experiment)
            if after is not experiment:
                self._snapshots.move_experiment(name, after)
                began = True
        if began:
            await self._announce()
        known, self._known = self._known, dict(self._snapshots.experiments)
        for name in sorted({*known, *self._known}):
            before, now = known.get(name), self._known.get(name)
            if before != now:
                why = "not declared any more" if now is None else now.why
                who = (now.by if now is not None else "") or DEPLOYMENT
                await self._keep_event(name, before, now, Change(who, why))

    def _begun(self, name: str, experiment: Experiment) -> Experiment:
        """The experiment, begun if it is to run and its endpoint stands."""
        current = self._snapshots.current
        if name not in current.endpoints or name in current.waiting:
            return experiment
        return experiments.in_effect(experiment, self._clock())

    async def act(self, name: str, action: experiments.Action, change: Change) -> Json:
        """Start or stop the experiment of an endpoint, and tell how it stands then.

        Raises:
            NotFound: the endpoint has none.
            Conflict: it runs already, or there is nothing to stop.
            RegistryFailed: it cannot be kept; nothing has changed.
        """
        async with self._changing:
            before = self._snapshots.experiment(name)
            now_s = self._clock()
            after = experiments.acted(
                before, action, by=change.who, why=change.why, now_s=now_s, endpoint=name
            )
            after = self._begun(name, after)
            self._snapshots.move_experiment(name, after)
            self._known[name] = after
            logger.info("experiment of %s: %s", name, after.phase, extra={"why": change.why})
            await self._announce()
            await self._keep_event(name, before, after, change)
            return self.report(name)

    def reports(self) -> list[Json]:
        """How each experiment stands."""
        return [self.report(name) for name in sorted(self._snapshots.experiments)]

    def report(self, name: str) -> Json:
        """How the experiment of an endpoint stands.

        Raises:
            NotFound: it has none.
        """
        body = self._snapshots.experiment(name).to_json()
        del body["digest"]
        return {"endpoint": name, **body}

    async def _keep_event(
        self, name: str, before: Experiment | None, after: Experiment | None, change: Change
    ) -> None:
        event = Event(
            self._clock(), change.who, KIND, name, change.why,
            before=_line(before), after=_line(after),
        )  # fmt: skip
        await self._keep(event)


def _line(experiment: Experiment | None) -> Json | None:
    if experiment is None:
        return None
    return {"name": experiment.name, "phase": experiment.phase, "started_s": experiment.started_s}
