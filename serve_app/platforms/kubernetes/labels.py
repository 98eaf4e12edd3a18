"""The labels by which parts of one installation are known."""

from __future__ import annotations

from typing import Any

import serve_app
from serve_app.platforms.kubernetes.tree import Named, OfRelease, Shared

CHART = "serve-app"

SELECTED = {"app.kubernetes.io/name": CHART, "app.kubernetes.io/instance": OfRelease("Name")}
"""Those that never change, so that policies find pods of any version."""
LABELS = Shared(
    "serve-app.labels",
    {
        **SELECTED,
        "app.kubernetes.io/version": serve_app.__version__,
        "app.kubernetes.io/managed-by": OfRelease("Service"),
        "helm.sh/chart": f"{CHART}-{serve_app.__version__}",
    },
)


def metadata(suffix: str = "", **more: Any) -> dict[str, Any]:
    """The name and the labels of an object; no namespace, which whoever installs it chooses."""
    return {"name": Named(suffix), "labels": LABELS, **more}


def pods(component: str | None = None) -> dict[str, Any]:
    """What selects the pods of this installation, or those of one component."""
    own = {} if component is None else {"app.kubernetes.io/component": component}
    return {"matchLabels": {**SELECTED, **own}}
