"""`args` of a model application."""

from typing import Literal

from pydantic import PositiveInt

from serve_app.config.base import Frozen, LogLevel
from serve_app.config.names import Location


class ModelArgs(Frozen):
    """`args` of a model application: one version, predictor or transformer.

    `native` lets the library itself compute where there is a compiled form. `device: cuda`
    lets XGBoost or ONNX Runtime compute on a GPU, which `ray_actor_options` must ask for.
    """

    model: str
    version: PositiveInt
    registry: Location = "./registry"
    allow_pickle: bool = False
    native: bool = False
    device: Literal["cpu", "cuda"] = "cpu"
    log_level: LogLevel = "INFO"

    @property
    def reference(self) -> str:
        """The version's name, `diagnosis-xgb@1`."""
        return f"{self.model}@{self.version}"
