"""What a run's pipeline says of retraining."""

from __future__ import annotations

from serve_app.config.retraining import RetrainSettings
from serve_app.lifecycle.retraining.states import Run


def settings_of(run: Run) -> RetrainSettings:
    """When and how a run's pipeline is trained again."""
    return RetrainSettings.model_validate(run.body.get("retrain") or {})
