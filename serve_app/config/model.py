"""`args` of a model application."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, PlainValidator, model_validator

from serve_app.config.base import Frozen, LogLevel
from serve_app.config.registry import RegistryArg
from serve_app.config.telemetry import TelemetrySettings
from serve_app.core import reference as references

_MEANT = "the number of a version, such as 1, or an alias that chooses it, such as champion"


def _version(given: Any) -> int | str:
    number = None if isinstance(given, bool) else references.number(str(given))
    if number is not None:
        return number
    if isinstance(given, str) and references.is_alias(given):
        return given
    msg = f"{given!r} is no version; write {_MEANT}"
    raise ValueError(msg)


class ModelArgs(Frozen):
    """`args` of a model application: one version, predictor or transformer.

    `version` is its number, or an alias: then replicas hold whatever that names, and the next
    one beside it while the alias moves.

    `native` lets the library itself compute where there is a compiled form. `device: cuda`
    lets XGBoost or ONNX Runtime compute on a GPU, which `ray_actor_options` must ask for.
    `telemetry` is where traces and metrics go beside Prometheus; without it nowhere.
    """

    # Somebody may write a secret under `telemetry`.
    model_config = ConfigDict(hide_input_in_errors=True)

    model: str
    version: Annotated[int | str, PlainValidator(_version)]
    registry: RegistryArg = Field(default="./registry", repr=False)
    allow_pickle: bool = False
    native: bool = False
    device: Literal["cpu", "cuda"] = "cpu"
    telemetry: TelemetrySettings | None = None
    log_level: LogLevel = "INFO"

    @model_validator(mode="before")
    @classmethod
    def _has_version(cls, given: Any) -> Any:
        if isinstance(given, dict) and "model" in given and given.get("version") is None:
            msg = f"`version` is missing: write {_MEANT}"
            raise ValueError(msg)
        return given

    @property
    def reference(self) -> str:
        """What it holds: `diagnosis-xgb@1`, or `diagnosis-xgb@champion`."""
        return f"{self.model}@{self.version}"
