"""Writes the trained Pipeline as an MLflow model, as its documentation shows it.

Settings of `mlflow models serve`: one worker per core, the environment that it runs in
(`--env-manager local`), no access log; the model answers with `predict_proba`
(`pyfunc_predict_fn`) and has no signature, whose checks cost time per request; one thread
per worker computes (`OMP_NUM_THREADS=1`).
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import joblib
import mlflow.sklearn


def store(model: Path, folder: Path) -> None:
    """Write the Pipeline into a folder, in place of what is there."""
    shutil.rmtree(folder, ignore_errors=True)
    mlflow.sklearn.save_model(
        joblib.load(model),
        str(folder),
        pyfunc_predict_fn="predict_proba",
        serialization_format="cloudpickle",
        pip_requirements=[],
    )


if __name__ == "__main__":
    store(Path(sys.argv[1]), Path(sys.argv[2]))
