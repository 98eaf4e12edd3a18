"""MLflow's own command `mlflow models predict`, in the environment of MLflow's server."""

from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from answering import answer_calls
from click.testing import CliRunner
from mlflow.models import infer_signature
from mlflow.models.cli import predict as command
from sklearn.linear_model import LinearRegression, LogisticRegression


def save(path, rows, labels):
    """Store a model as MLflow's users do."""
    frame = pd.DataFrame(rows)
    kind = LogisticRegression if isinstance(labels[0], str) else LinearRegression
    model = kind().fit(frame, np.array(labels))
    signature = infer_signature(frame, model.predict(frame))
    mlflow.sklearn.save_model(model, path, signature=signature, input_example=frame.head(5))


def predict(options, target):
    """Run the command with some options; the bytes that it wrote."""
    said = CliRunner().invoke(command, options)
    if said.exit_code:
        raise said.exception
    return Path(target).read_text()


answer_calls({"save": save, "predict": predict})
