"""Versions that are loaded in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping

from serve_app.core.aside import Aside
from serve_app.core.batcher import Counters
from serve_app.core.columns import Columns
from serve_app.core.lanes import FEW_ROWS, Lanes
from serve_app.core.ports import Clock, Models, Servable, Task
from serve_app.core.waiting import T
from serve_app.engine.coalesced import CoalescedModels, Limits
from serve_app.engine.load import Loaded
from serve_app.errors import DeadlineExceeded, NotReady


class LocalModels:
    """Implements the `Models` port with models in this process, in `lanes` where given.

    What takes long is computed `aside`.
    """

    def __init__(
        self, models: Mapping[str, Servable], *, clock: Clock, lanes: Lanes | None = None
    ) -> None:
        self._models = dict(models)
        self._clock = clock
        self._lanes = lanes
        self._aside = Aside("explanation")

    def replace(self, models: Mapping[str, Servable]) -> None:
        """Hold exactly these models from now on."""
        self._models = dict(models)

    async def ask(self, version: str, task: Task[T], columns: Columns, deadline: float) -> T:
        """Compute in this process.

        Raises:
            NotReady: the version is not loaded here.
            DeadlineExceeded: the deadline passed before the work began.
            ServeError: whatever the model raised.
        """
        model = self._model(version, deadline)
        if task.takes_long:
            return await self._in_time(self._aside.run(model.ask, task, columns), deadline)
        if self._lanes is None:
            return model.ask(task, columns)
        lane = self._lanes.of(columns.rows)
        return await asyncio.get_running_loop().run_in_executor(lane, model.ask, task, columns)

    async def _in_time(self, work: Awaitable[T], deadline: float) -> T:
        """What some work gives, which is given up at a time of the clock."""
        try:
            async with asyncio.timeout(deadline - self._clock()):
                return await work
        except TimeoutError:
            raise DeadlineExceeded("there was no answer in time") from None

    def _model(self, version: str, deadline: float) -> Servable:
        if self._clock() >= deadline:
            msg = f"the deadline passed before {version} began"
            raise DeadlineExceeded(msg)
        model = self._models.get(version)
        if model is None:
            msg = f"{version} is not loaded here"
            raise NotReady(msg)
        return model


class InlineModels:
    """Implements the `Models` port for versions that compute beside the event loop.

    A compiled version answers few rows where it is asked, which takes less than handing them
    on. Everything else is coalesced and computed in the thread of `lanes`: the loop goes on.
    """

    def __init__(self, *, clock: Clock, limits: Limits, lanes: Lanes) -> None:
        self._quick = LocalModels({}, clock=clock)
        self._local = LocalModels({}, clock=clock, lanes=lanes)
        self._coalesced = CoalescedModels(self._local, clock=clock, limits=limits)
        self._compiled: frozenset[str] = frozenset()

    def replace(self, loaded: Mapping[str, Loaded]) -> None:
        """Hold exactly these versions from now on."""
        self._compiled = frozenset(v for v, one in loaded.items() if one.compiled)
        self._quick.replace({version: loaded[version].model for version in self._compiled})
        self._local.replace({version: one.model for version, one in loaded.items()})
        self._coalesced.retire(loaded)

    def counters(self) -> Mapping[str, Counters]:
        """What was coalesced, by version."""
        return self._coalesced.counters()

    async def ask(self, version: str, task: Task[T], columns: Columns, deadline: float) -> T:
        """Compute in this process; raises as `LocalModels` does."""
        if task.takes_long:
            return await self._local.ask(version, task, columns, deadline)
        return await self._for(version, columns).ask(version, task, columns, deadline)

    def _for(self, version: str, columns: Columns) -> Models:
        few = columns.rows <= FEW_ROWS and version in self._compiled
        return self._quick if few else self._coalesced


class InlineShadows:
    """Implements the `Models` port for shadows that compute in this process.

    A compiled version, which cannot hang, answers few rows where it is asked. Each of the others
    has a thread of its own: one that hangs keeps nobody waiting.
    """

    def __init__(self, *, clock: Clock, limits: Limits) -> None:
        self._clock, self._limits = clock, limits
        self._quick = LocalModels({}, clock=clock)
        self._compiled: frozenset[str] = frozenset()
        self._models: dict[str, tuple[Models, Lanes]] = {}

    def replace(self, loaded: Mapping[str, Loaded]) -> None:
        """Hold exactly these versions from now on."""
        self._compiled = frozenset(v for v, one in loaded.items() if one.compiled)
        self._quick.replace({version: loaded[version].model for version in self._compiled})
        for version in self._models.keys() - loaded.keys():
            _, lanes = self._models.pop(version)
            lanes.shutdown(wait=False)
        for version in loaded.keys() - self._models.keys():
            # The thread itself begins with the first call.
            lanes = Lanes(f"shadow-{version}")
            local = LocalModels({version: loaded[version].model}, clock=self._clock, lanes=lanes)
            coalesced = CoalescedModels(local, clock=self._clock, limits=self._limits)
            self._models[version] = coalesced, lanes

    async def ask(self, version: str, task: Task[T], columns: Columns, deadline: float) -> T:
        """Compute in this process; raises as `LocalModels` does."""
        if version in self._compiled and columns.rows <= FEW_ROWS:
            return await self._quick.ask(version, task, columns, deadline)
        known = self._models.get(version)
        if known is None:
            raise NotReady(f"{version} is not loaded here")
        return await known[0].ask(version, task, columns, deadline)
