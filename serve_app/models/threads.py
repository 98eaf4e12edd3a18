"""One thread per model: for small batches, starting threads costs more than the work."""

from __future__ import annotations

from typing import Any


def use_one(estimator: Any) -> None:
    """Make an estimator, and all inside it, compute with one thread.

    Outputs stay the same: how many threads share the rows or the trees of a fitted model
    has no part in its arithmetic.
    """
    parameters = estimator.get_params(deep=True) if hasattr(estimator, "get_params") else {}
    jobs = {
        name: 1
        for name, value in parameters.items()
        # None is one thread to scikit-learn, and to XGBoost and LightGBM as many as there are.
        if (name == "n_jobs" or name.endswith("__n_jobs")) and value != 1
    }
    if jobs:
        estimator.set_params(**jobs)
    for inner in _fitted_inside(estimator):
        use_one(inner)


def _fitted_inside(estimator: Any) -> list[Any]:
    """Fitted parts that `set_params` does not reach."""
    fitted = [getattr(estimator, name, None) for name in ("estimator_", "final_estimator_")]
    fitted.extend(_listed(getattr(estimator, "estimators_", None)))
    fitted.extend(part for _, part, *_ in getattr(estimator, "transformers_", []))
    return [part for part in fitted if hasattr(part, "get_params")]


def _listed(parts: Any) -> list[Any]:
    return list(parts) if isinstance(parts, list | tuple) else []
