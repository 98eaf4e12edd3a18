"""Pages of other origins may ask: what browsers want to hear before they hand an answer over."""

from __future__ import annotations

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from serve_app.config import CorsSettings

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
EXPOSED = (
    "x-request-id",
    "x-prediction-id",
    "x-variant",
    "x-snapshot",
    "x-fallback",
    "x-cache",
    "retry-after",
    "inference-header-content-length",
    "x-amzn-errortype",
    "x-amzn-invoked-production-variant",
    "x-ms-request-id",
    "x-ms-run-function-failed",
    "x-vertex-ai-deployed-model-id",
    "x-vertex-ai-model",
    "azureml-model-deployment",
    "ce-id",
    "ce-source",
    "ce-specversion",
    "ce-type",
)
"""Headers of answers that scripts of other origins may read."""


def open_to(app: ASGIApp, settings: CorsSettings) -> ASGIApp:
    """The application as pages of these origins may ask it; preflights never reach it."""
    return CORSMiddleware(
        app,
        allow_origins=settings.origins,
        allow_methods=METHODS,
        # Which headers a request may have depends on the dialect, and on what stands in front.
        allow_headers=("*",),
        allow_credentials=settings.credentials,
        allow_private_network=True,
        expose_headers=EXPOSED,
        max_age=settings.max_age_s,
    )
