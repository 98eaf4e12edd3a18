"""Recorded rows explained by their version, wherever that runs."""

from typing import Any

import numpy as np

from serve_app.config.registry import RegistrySettings
from serve_app.core.columns import Columns
from serve_app.core.explanation import joined
from serve_app.core.policy import Policy
from serve_app.core.reference import split_version
from serve_app.core.schema import Schema
from serve_app.engine.load import Loaded, load
from serve_app.engine.trusted_registry import open_registry
from serve_app.errors import ServeError
from serve_app.monitoring.attribution import importances_of
from serve_app.tasks import task_named

_LENIENT = Policy(unknown="ignore", range="ignore", category="ignore")


def explained_rows(
    registry: str | RegistrySettings, version: str, columns: Columns, method: str
) -> dict[str, Any]:
    """Which features of some rows matter how much, as JSON values, or in words why nobody knows.

    They are explained by `method` or not at all: others are not to be compared.
    """
    try:
        loaded = load(open_registry(registry), *split_version(version), native=True)
        return _explained(loaded, columns, method)
    except ServeError as error:
        return {"not_explained": f"rows cannot be explained: {error.message}"}


def _explained(loaded: Loaded, columns: Columns, method: str) -> dict[str, Any]:
    schema = Schema(loaded.manifest.signature.inputs, _LENIENT)
    values = {name: array.tolist() for name, array in columns.as_dict().items()}
    rows = schema.validate(values, columns.rows)[0]
    explain = task_named("explain")
    # One row shows by which method: another one may take very long.
    first = loaded.model.ask(explain, rows.slice(0, 1))
    if first.methods != (method,):
        words = f"they are explained by {', '.join(first.methods)} now, and by {method} in training"
        return {"not_explained": f"rows cannot be held against training: {words}"}
    rest = loaded.model.ask(explain, rows.slice(1, columns.rows))
    importances = importances_of(joined([first, rest]))
    if not np.isfinite(list(importances.by_feature.values())).all():
        return {"not_explained": "what features add to some rows is not finite"}
    return {"by_feature": dict(importances.by_feature), "rows": importances.rows}
