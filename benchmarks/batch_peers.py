"""What others need for the same rows: plain Ray Data with scikit-learn, and MLflow's command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CSV_ROWS = 100_000
MODEL = "model.joblib"
MLFLOW = Path(__file__).parents[1] / ".venv-mlflow" / "bin"
RAY_DATA = """
import os
os.environ["RAY_AUTH_MODE"] = "disabled"  # else it writes a token into the home of whoever measures
import joblib, pandas as pd, ray
ray.init(include_dashboard=False, log_to_driver=False)
ray.data.DataContext.get_current().enable_progress_bars = False
class Scorer:
    def __init__(self):
        self.model = joblib.load({model!r})
    def __call__(self, batch):
        shares = self.model.predict_proba(batch)
        said = self.model.classes_[shares.argmax(axis=1)]
        return pd.DataFrame({{"id": batch["id"], "prediction": said, "p0": shares[:, 0],
                             "p1": shares[:, 1]}})
rows = ray.data.read_parquet({rows!r})
rows.map_batches(Scorer, compute=ray.data.ActorPoolStrategy(size=1),
                 batch_format="pandas").write_parquet({out!r})
"""
_STORED = """
import joblib, mlflow, pandas as pd
from mlflow.models import infer_signature
model, some = joblib.load({model!r}), pd.read_csv("rows.csv", nrows=100).drop(columns="id")
signature = infer_signature(some, model.predict(some))
mlflow.sklearn.save_model(model, "stored", signature=signature, serialization_format="cloudpickle")
"""


def ray_data(home: Path) -> list[str]:
    """The command that reads, predicts and writes with nothing but Ray Data."""
    places = {"model": MODEL, "rows": "rows.parquet", "out": "ray-data"}
    absolute = {name: str(home / place) for name, place in places.items()}
    return [sys.executable, "-c", RAY_DATA.format(**absolute)]


def mlflow(home: Path) -> list[str]:
    """MLflow's command for the rows of `rows.csv`, whose model is stored before."""
    stored = [str(MLFLOW / "python"), "-c", _STORED.format(model=MODEL)]
    subprocess.run(stored, cwd=home, check=True, capture_output=True)
    options = ["-m", "stored", "-i", "rows.csv", "-t", "csv", "-o", "said.json"]
    return [
        str(MLFLOW / "python"), "-m", "mlflow", "models", "predict", *options,
        "--env-manager", "local",
    ]  # fmt: skip
