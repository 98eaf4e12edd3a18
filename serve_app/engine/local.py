"""Versions that are loaded in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import TypeVar

from serve_app.core.batcher import Counters
from serve_app.core.columns import Columns
from serve_app.core.messages import Prediction
from serve_app.core.ports import Clock, Model, Models
from serve_app.engine.coalesced import CoalescedModels, Limits
from serve_app.engine.load import Loaded
from serve_app.errors import DeadlineExceeded, NotReady

T = TypeVar("T")
FEW_ROWS = 64
"""Up to so many rows a compiled model answers at once, within a fraction of a millisecond."""


class LocalModels:
    """Implements the `Models` port with models in this process, in `thread` where given."""

    def __init__(
        self, models: Mapping[str, Model], *, clock: Clock, thread: Executor | None = None
    ) -> None:
        self._models = dict(models)
        self._clock = clock
        self._thread = thread

    def replace(self, models: Mapping[str, Model]) -> None:
        """Hold exactly these models from now on."""
        self._models = dict(models)

    async def predict(self, version: str, columns: Columns, deadline: float) -> Prediction:
        """Predict in this process.

        Raises:
            NotReady: the version is not loaded here.
            DeadlineExceeded: the deadline passed before the work began.
            ModelFailed: the model refused the rows.
        """
        return await self._computed(self._model(version, deadline).predict, columns)

    async def predict_with_scores(
        self, version: str, columns: Columns, deadline: float
    ) -> Prediction:
        """Predict in this process, with raw scores; raises as `predict` does.

        Raises:
            InvalidInput: the model has none.
        """
        model = self._model(version, deadline)
        return await self._computed(model.predict_with_scores, columns)

    async def transform(self, version: str, columns: Columns, deadline: float) -> Columns:
        """Transform in this process; raises as `predict` does."""
        return await self._computed(self._model(version, deadline).transform, columns)

    async def _computed(self, method: Callable[[Columns], T], columns: Columns) -> T:
        if self._thread is None:
            return method(columns)
        return await asyncio.get_running_loop().run_in_executor(self._thread, method, columns)

    def _model(self, version: str, deadline: float) -> Model:
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
    on. Everything else is coalesced and computed in `thread`, so that the loop goes on.
    """

    def __init__(self, *, clock: Clock, limits: Limits, thread: Executor) -> None:
        self._quick = LocalModels({}, clock=clock)
        self._local = LocalModels({}, clock=clock, thread=thread)
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

    async def predict(self, version: str, columns: Columns, deadline: float) -> Prediction:
        """Predict in this process; raises as `LocalModels` does."""
        return await self._for(version, columns).predict(version, columns, deadline)

    async def predict_with_scores(
        self, version: str, columns: Columns, deadline: float
    ) -> Prediction:
        """Predict in this process, with raw scores; raises as `LocalModels` does."""
        return await self._for(version, columns).predict_with_scores(version, columns, deadline)

    async def transform(self, version: str, columns: Columns, deadline: float) -> Columns:
        """Transform in this process; raises as `LocalModels` does."""
        return await self._for(version, columns).transform(version, columns, deadline)

    def _for(self, version: str, columns: Columns) -> Models:
        few = columns.rows <= FEW_ROWS and version in self._compiled
        return self._quick if few else self._coalesced
