"""The step that says which columns the best models of a run need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from serve_app.lifecycle.steps import Refitted, Work
from serve_app.models.training.permutation import Importances, Judged, importances


def column_losses(work: Work, models: Sequence[Refitted]) -> dict[str, Any]:
    """Of each trial what its model loses on the hold-out without each column, the largest first.

    Raises:
        InvalidInput: a model gives something else than one value for each row.
    """
    settings, data, rows = work.settings, work.fold_data(), work.split().holdout
    judged = Judged(data.features.iloc[rows], data.target[rows], data.classes, data.metric)
    repeats, seed = settings.importance.repeats, settings.search.seed
    known = {
        model.trial.number: importances(model.estimator, judged, repeats, seed) for model in models
    }
    return {"trials": {str(number): _json(one) for number, one in known.items() if one is not None}}


def _json(one: Importances) -> dict[str, Any]:
    """As a manifest has it."""
    columns = [asdict(loss) for loss in one.losses]
    return {"metric": one.metric, "rows": one.rows, "repeats": one.repeats, "columns": columns}
