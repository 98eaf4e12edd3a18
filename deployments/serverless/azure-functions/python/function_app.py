"""The function app: SERVE_APP_REGISTRY and SERVE_APP_MODEL say which version answers."""

from serve_app.standalone.azure_functions import app

__all__ = ["app"]
