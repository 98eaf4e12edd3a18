"""Where a process listens and finds its models, as each platform says it in the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from serve_app.gateway.sockets import port_of

LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - platforms reach a container's port from outside
PORT = 8000
DRAIN_S = 10.0
CLOUD_RUN_DRAIN_S = 9.0
"""Cloud Run kills a container ten seconds after it asked it to end."""
AZURE_FUNCTIONS = "Azure Functions"
SAGEMAKER_MODELS = "/opt/ml/model"
SAGEMAKER_SEVERAL_MODELS = "/opt/ml/models"
SEVERAL_VARIABLE = "SAGEMAKER_MULTI_MODEL"
REGISTRY = "./registry"


@dataclass(frozen=True, slots=True)
class Place:
    """What a platform wants of a process.

    `models` is where it puts the models, none where it does not say; `health_route` and
    `predict_route` are paths that it asks besides the usual ones. Asked to end, the process goes
    on answering for `leave_s` while it says that it is not ready, then finishes for `drain_s`.
    With `has_several` it begins without a model, and loads those below `models` on request.
    """

    platform: str
    host: str = LOOPBACK
    port: int = PORT
    models: str | None = None
    drain_s: float = DRAIN_S
    leave_s: float = 0.0
    health_route: str | None = None
    predict_route: str | None = None
    has_several: bool = False


def place_of(environment: Mapping[str, str], *, is_sagemaker: bool = False) -> Place:
    """The place that the environment tells of; this machine alone where it tells of none.

    Cloud Run and others say `PORT`, Vertex AI `AIP_HTTP_PORT`, the host of Azure Functions
    `FUNCTIONS_CUSTOMHANDLER_PORT`, Azure ML `AZUREML_MODEL_DIR`. SageMaker says nothing but
    `serve` on the command line, and `SAGEMAKER_MULTI_MODEL` where it loads models on request.

    Raises:
        ConfigError: what stands where a port belongs is none.
    """
    if "AIP_HTTP_PORT" in environment:
        return Place(
            "Vertex AI",
            EVERYWHERE,
            port_of(environment, "AIP_HTTP_PORT"),
            environment.get("AIP_STORAGE_URI") or None,
            health_route=environment.get("AIP_HEALTH_ROUTE"),
            predict_route=environment.get("AIP_PREDICT_ROUTE"),
        )
    if "FUNCTIONS_CUSTOMHANDLER_PORT" in environment:
        # The host of functions runs beside it.
        return Place(AZURE_FUNCTIONS, port=port_of(environment, "FUNCTIONS_CUSTOMHANDLER_PORT"))
    if is_sagemaker:
        port = 8080
        if "SAGEMAKER_BIND_TO_PORT" in environment:
            port = port_of(environment, "SAGEMAKER_BIND_TO_PORT")
        several = environment.get(SEVERAL_VARIABLE, "").lower() == "true"
        models = SAGEMAKER_SEVERAL_MODELS if several else SAGEMAKER_MODELS
        return Place("SageMaker", EVERYWHERE, port, models, has_several=several)
    if "AZUREML_MODEL_DIR" in environment:
        port = port_of(environment, "PORT") if "PORT" in environment else 5001
        return Place("Azure ML", EVERYWHERE, port, environment["AZUREML_MODEL_DIR"])
    if "PORT" in environment:
        is_cloud_run = "K_SERVICE" in environment
        return Place(
            "Cloud Run" if is_cloud_run else "a container",
            EVERYWHERE,
            port_of(environment, "PORT"),
            drain_s=CLOUD_RUN_DRAIN_S if is_cloud_run else DRAIN_S,
        )
    return Place("this machine")
