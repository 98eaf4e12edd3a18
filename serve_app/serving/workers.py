"""One version in replicas of its own."""

import logging

from ray import serve

from serve_app.config import ModelArgs
from serve_app.core.columns import Columns
from serve_app.core.messages import Prediction
from serve_app.engine.load import load
from serve_app.errors import ModelFailed, ServeError
from serve_app.registry.store import Registry
from serve_app.serving import logs

logger = logging.getLogger("serve_app.model")


@serve.deployment(name="Model")
class Model:
    """Holds one verified version and computes what it is asked."""

    def __init__(self, args: ModelArgs) -> None:
        logs.configure("model", args.log_level)
        loaded = load(
            Registry(args.registry), args.model, args.version, allow_pickle=args.allow_pickle
        )
        self._model = loaded.model
        self._reference = args.reference
        logger.info("version loaded", extra={"version": self._reference})

    async def predict(self, columns: Columns) -> Prediction:
        """Predict every row. Raises ModelFailed."""
        try:
            return self._model.predict(columns)
        except Exception as error:
            raise self._failed(error) from error

    async def transform(self, columns: Columns) -> Columns:
        """Transform every row. Raises ModelFailed."""
        try:
            return self._model.transform(columns)
        except Exception as error:
            raise self._failed(error) from error

    async def ready(self) -> str:
        """The version that this replica holds."""
        return self._reference

    def _failed(self, error: Exception) -> ServeError:
        logger.error("computation failed", exc_info=error, extra={"version": self._reference})
        if isinstance(error, ServeError):
            return type(error)(f"{self._reference}: {error.message}", **error.details)
        return ModelFailed(f"{self._reference} failed")
