"""MLflow's own client of its registry, in the environment of MLflow's server."""

from pathlib import Path

import mlflow
import pandas as pd
from answering import answer_calls
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression


def train(server, name, alias, rows, labels, penalty):
    """Train, log and register a model as MLflow's users do; says what came of it."""
    mlflow.set_tracking_uri(server)
    frame = pd.DataFrame(rows)
    model = LogisticRegression(C=penalty).fit(frame, labels)
    with mlflow.start_run() as run:
        mlflow.log_metric("accuracy", model.score(frame, labels))
        mlflow.log_metric("lift", float("nan"))
        logged = mlflow.sklearn.log_model(
            model,
            name="model",
            registered_model_name=name,
            signature=infer_signature(frame, model.predict(frame)),
            input_example=frame.head(5),
            pip_requirements=["scikit-learn"],
        )
    client = mlflow.MlflowClient()
    version = logged.registered_model_version
    if alias:
        client.set_registered_model_alias(name, alias, version)
    return {
        "run": run.info.run_id,
        "model": logged.model_id,
        "version": str(version),
        "probabilities": model.predict_proba(frame).tolist(),
        "accuracy": model.score(frame, labels),
    }


def run(server, run_id):
    """What a run holds."""
    found = mlflow.MlflowClient(server).get_run(run_id)
    data = found.data
    return {
        "params": data.params,
        "metrics": data.metrics,
        "tags": data.tags,
        "status": found.info.status,
        "datasets": [one.dataset.to_dictionary() for one in found.inputs.dataset_inputs],
    }


def models(server, name):
    """The versions of a registered model, and its aliases."""
    client = mlflow.MlflowClient(server)
    model = client.get_registered_model(name)
    versions = client.search_model_versions(f"name='{name}'")
    return {
        "tags": model.tags,
        "aliases": {alias: str(version) for alias, version in model.aliases.items()},
        "versions": {
            str(one.version): {"tags": one.tags, "run_id": one.run_id, "source": one.source}
            for one in versions
        },
    }


def set_alias(server, name, alias, version):
    """Let an alias name a version, or none."""
    client = mlflow.MlflowClient(server)
    if version is None:
        client.delete_registered_model_alias(name, alias)
    else:
        client.set_registered_model_alias(name, alias, version)


def artifacts(server, run_id, path, into):
    """Download a folder of a run's artifacts; the files in it."""
    mlflow.set_tracking_uri(server)
    folder = Path(
        mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=path, dst_path=into)
    )
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file())


if __name__ == "__main__":
    answer_calls(
        {
            "train": train,
            "run": run,
            "models": models,
            "set_alias": set_alias,
            "artifacts": artifacts,
        }
    )
