"""What the builders of applications make, as far as their types tell."""

from typing import Any


def deployments_of(builder: Any) -> frozenset[str]:
    """The deployments that one of our builders binds."""
    names = {"gateway": "Gateway", "control": "Control", "model": "Model", "monitor": "Monitor"}
    if getattr(builder, "__module__", "") != "serve_app.app":
        return frozenset()
    return frozenset({names[builder.__name__]})
