"""The pipelines that the example models come from: this folder's, or those of the package."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serve_app.config.pipeline import PipelineSettings
from serve_app.lifecycle.fold_data import recipe_of
from serve_app.lifecycle.spec import read_pipeline
from serve_app.models.training.estimators import built

if TYPE_CHECKING:
    import pandas as pd

_FOLDER = "demo"


def pipeline_of_example(model: str) -> PipelineSettings:
    """The pipeline of an example model, as `pipelines/demo` of this folder has it, if it does.

    Raises:
        ConfigError: the file is no pipeline; lists every problem with its line.
    """
    own = Path("pipelines") / _FOLDER / f"{model}.yaml"
    if own.is_file():
        return read_pipeline(own)
    with resources.as_file(_packaged() / _FOLDER / f"{model}.yaml") as path:
        return read_pipeline(path)


def estimator_of(model: str, frame: pd.DataFrame, *, classes: int) -> Any:
    """The unfitted estimator that the pipeline of an example model fits to such rows.

    Raises:
        InvalidInput: it cannot be built.
    """
    settings = pipeline_of_example(model)
    recipe = recipe_of(settings.entries[0])
    return built(recipe, frame, {}, classes=classes, seed=settings.search.seed)


def _packaged() -> Traversable:
    """Where pipelines are: in a wheel inside the package, in a checkout beside it."""
    package = resources.files("serve_app")
    inside = package / "pipelines"
    return inside if inside.is_dir() else package / ".." / "pipelines"
