"""Versions that are loaded in this process."""

from __future__ import annotations

from collections.abc import Mapping

from serve_app.core.columns import Columns
from serve_app.core.messages import Prediction
from serve_app.core.ports import Clock, Model
from serve_app.errors import DeadlineExceeded, NotReady


class LocalModels:
    """Implements the `Models` port with models in this process."""

    def __init__(self, models: Mapping[str, Model], *, clock: Clock) -> None:
        self._models = dict(models)
        self._clock = clock

    @property
    def versions(self) -> frozenset[str]:
        """The versions that are loaded."""
        return frozenset(self._models)

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
        return self._model(version, deadline).predict(columns)

    async def transform(self, version: str, columns: Columns, deadline: float) -> Columns:
        """Transform in this process; raises as `predict` does."""
        return self._model(version, deadline).transform(columns)

    def _model(self, version: str, deadline: float) -> Model:
        if self._clock() >= deadline:
            msg = f"the deadline passed before {version} began"
            raise DeadlineExceeded(msg)
        model = self._models.get(version)
        if model is None:
            msg = f"{version} is not loaded here"
            raise NotReady(msg)
        return model
