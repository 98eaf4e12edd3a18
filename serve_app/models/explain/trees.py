"""Boosted trees: exact Shapley values by the libraries' own TreeSHAP.

Lundberg, Erion and Lee, "Consistent Individualized Feature Attribution for Tree Ensembles"
(2018); a tree's own counts of training rows stand for what is not known of a row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from serve_app.core.columns import Columns
from serve_app.models.attributed import Attributed, of_library
from serve_app.models.explain.steps import Steps

Attribute = Callable[[Columns], Attributed]


def of_trees(steps: Steps) -> Attribute | None:
    """What takes the raw scores of a Pipeline's last step apart; None where it has no trees."""
    library = type(steps.predictor).__module__.partition(".")[0]
    ask = _LIBRARIES.get(library)
    if ask is None:
        return None

    def attribute(columns: Columns) -> Attributed:
        raw = ask(steps.predictor, steps.prepared(columns))
        return steps.folded(of_library(raw, len(steps.origins)))

    return attribute


def _xgboost(predictor: Any, rows: Any) -> Any:
    import xgboost  # noqa: PLC0415 - only who has such a model needs it

    booster = predictor.get_booster()
    matrix = xgboost.DMatrix(
        rows,
        missing=predictor.missing,
        enable_categorical=bool(predictor.enable_categorical),
        feature_names=booster.feature_names,
        nthread=1,
    )
    best = booster.attr("best_iteration")
    chosen = (0, 0) if best is None else (0, int(best) + 1)
    return booster.predict(matrix, pred_contribs=True, iteration_range=chosen)


def _lightgbm(predictor: Any, rows: Any) -> Any:
    return predictor.predict(rows, pred_contrib=True)


def _catboost(predictor: Any, rows: Any) -> Any:
    import catboost  # noqa: PLC0415 - only who has such a model needs it

    kinds = {
        "cat_features": predictor.get_cat_feature_indices(),
        "text_features": predictor.get_text_feature_indices(),
    }
    pool = catboost.Pool(rows, **kinds, thread_count=1)
    return predictor.get_feature_importance(pool, type="ShapValues", thread_count=1)


_LIBRARIES: dict[str, Callable[[Any, Any], Any]] = {
    "catboost": _catboost,
    "lightgbm": _lightgbm,
    "xgboost": _xgboost,
}
