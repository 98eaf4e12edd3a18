"""What `serve-app register` is told, or asks, of a model of XGBoost's."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import click

if TYPE_CHECKING:
    from serve_app.models.xgboost_trained import Choice

Options = tuple[float | None, str | None, str | None]
"""The values of --missing, --iterations and --offset."""


def declared(estimator: Any, frame: Any, options: Options, *, status: Any) -> tuple[Any, Any]:
    """A model of XGBoost's with what the options say of it, and its data as in training.

    Any other model and its data stay as they are.

    Where a number in the data looks like a gap and no option says so, a person at a terminal
    is asked; elsewhere registering refuses.
    """
    from serve_app.models.xgboost_columns import as_trained
    from serve_app.models.xgboost_trained import is_xgboost, trained

    missing, iterations, offset = options
    if not is_xgboost(estimator):
        if options != (None, None, None):
            msg = "--missing, --iterations and --offset are for models of XGBoost's alone."
            raise click.UsageError(msg)
        return estimator, frame
    model = trained(estimator)
    model = replace(
        model,
        missing=model.missing if missing is None else missing,
        iterations=_choice(iterations),
        offset=offset,
    )
    if status is not None and sys.stdin.isatty():
        status.stop()
        model = _confirmed(model, frame)
        status.start()
    return model, as_trained(model, frame)


def settings(manifest: Any) -> list[tuple[str, Any]]:
    """What was said of a version of XGBoost's, or taken for granted: names and values."""
    names = ("iterations", "missing", "offset") if manifest.flavour == "xgboost" else ()
    return [(name, manifest.parameters[name]) for name in names if name in manifest.parameters]


def _choice(iterations: str | None) -> Choice | None:
    if iterations is None or iterations in {"best", "all"}:
        return cast("Choice | None", iterations)
    if not iterations.isdigit():
        msg = f"--iterations {iterations}: give best, all, or how many from the first on."
        raise click.UsageError(msg)
    return int(iterations)


def _confirmed(model: Any, frame: Any) -> Any:
    """The model with what a person says about numbers that look like gaps."""
    from serve_app.models.xgboost_columns import undeclared_gaps

    suspects = undeclared_gaps(model, frame)
    for value in dict.fromkeys(suspect.value for suspect in suspects):
        places = "; ".join(suspect.words for suspect in suspects if suspect.value == value)
        question = (
            f"The data holds {places}. Files of XGBoost's do not say which number stood for a "
            f"gap. Was it {value:.15g} in training (missing={value:.15g})?"
        )
        if click.confirm(question, default=None, err=True):
            return replace(model, missing=value)
    return replace(model, missing=float("nan")) if suspects else model
