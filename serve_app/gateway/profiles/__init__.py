"""The strict profiles: each answers as one system does, below a prefix or on a port of its own."""

from __future__ import annotations

from collections.abc import Mapping

from serve_app.gateway.context import Settings
from serve_app.gateway.profile import Profile
from serve_app.gateway.profiles import (
    azureml,
    bentoml,
    kserve,
    mlflow,
    oip,
    sagemaker,
    seldon,
    tfs,
    torchserve,
    vertex,
)


def profiles(settings: Settings) -> Mapping[str, Profile]:
    """The profiles by the name that paths begin with."""
    return {
        "tfs": tfs.PROFILE,
        "kserve": kserve.PROFILE,
        "oip": oip.profile(settings),
        "torchserve": torchserve.PROFILE,
        "torchserve-management": torchserve.MANAGEMENT,
        "torchserve-metrics": torchserve.METRICS,
        "mlflow": mlflow.PROFILE,
        "sagemaker": sagemaker.PROFILE,
        "vertex": vertex.profile(settings),
        "azureml": azureml.PROFILE,
        "bentoml": bentoml.PROFILE,
        "seldon": seldon.PROFILE,
    }
