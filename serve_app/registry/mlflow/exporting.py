"""Tells a server of MLflow's of versions; told again, nothing is there twice.

Limits of a batch: https://mlflow.org/docs/latest/rest-api.html#log-batch
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from serve_app.errors import Conflict, NotFound
from serve_app.registry.manifest import Manifest
from serve_app.registry.mlflow.client import MlflowClient
from serve_app.registry.mlflow.documents import DIGEST, VERSION, RunDocument, document_of

MOST_METRICS, MOST_PARAMETERS, MOST_TAGS = 1_000, 100, 100
MOST_BYTES = 1_000_000
"""Of a batch: together at most 1,000 entries, and 1 MB."""
_FOLDER = "serve_app"
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Exported:
    """Which run and version of MLflow's stand for a version of ours."""

    reference: str
    name: str
    version: str
    run_id: str


def export_version(client: MlflowClient, manifest: Manifest, *, experiment: str) -> Exported:
    """Tell a server of a version: its run, its manifest as an artifact, and a registered version.

    What is there from before is gone on with: the run is known by the manifest's digest, the
    version by the run.

    Raises:
        Conflict: the run holds another value of a parameter, which can be written only once.
        ServeError: as the client's methods raise.
    """
    document = document_of(manifest)
    run = _run(client, manifest.digest, document, _experiment(client, experiment))
    run_id = str(run["info"]["run_id"])
    for batch in batches(*_missing(document, run.get("data", {}), run_id)):
        client.send("POST", "runs/log-batch", {"run_id": run_id, **batch})
    if document.datasets and not run.get("inputs", {}).get("dataset_inputs"):
        body = {"run_id": run_id, "datasets": list(document.datasets)}
        client.send("POST", "runs/log-inputs", body)
    _upload_manifest(client, manifest, str(run["info"].get("artifact_uri", "")))
    ended = {"run_id": run_id, "status": "FINISHED", "end_time": document.ended_ms}
    client.send("POST", "runs/update", ended)
    version = _version(client, manifest, run_id)
    return Exported(manifest.reference, manifest.name, version, run_id)


def batches(
    metrics: Sequence[Mapping[str, Any]],
    parameters: Sequence[Mapping[str, Any]],
    tags: Sequence[Mapping[str, Any]],
) -> Iterator[dict[str, list[Mapping[str, Any]]]]:
    """Entries in batches that a server takes: by number, in all, and by bytes."""
    limits = {"metrics": MOST_METRICS, "params": MOST_PARAMETERS, "tags": MOST_TAGS}
    batch: dict[str, list[Mapping[str, Any]]] = {kind: [] for kind in limits}
    taken_bytes = 0
    for kind, entries in (("params", parameters), ("tags", tags), ("metrics", metrics)):
        for one in entries:
            size = len(json.dumps(one)) + 2
            total = sum(map(len, batch.values()))
            is_full = len(batch[kind]) >= limits[kind] or total >= MOST_METRICS
            if total and (is_full or taken_bytes + size > MOST_BYTES - 1_000):
                yield batch
                batch, taken_bytes = {each: [] for each in limits}, 0
            batch[kind].append(one)
            taken_bytes += size
    if any(batch.values()):
        yield batch


def _experiment(client: MlflowClient, name: str) -> str:
    try:
        known = client.get("experiments/get-by-name", experiment_name=name)
    except NotFound:
        try:
            return str(client.send("POST", "experiments/create", {"name": name})["experiment_id"])
        except Conflict:
            # Somebody else made it meanwhile.
            known = client.get("experiments/get-by-name", experiment_name=name)
    return str(known["experiment"]["experiment_id"])


def _run(
    client: MlflowClient, digest: str, document: RunDocument, experiment_id: str
) -> Mapping[str, Any]:
    """The run of a version, which is made where there is none."""
    wanted = {
        "experiment_ids": [experiment_id],
        "filter": f"tags.`{DIGEST}` = '{digest}'",
        "max_results": 1,
    }
    runs = client.send("POST", "runs/search", wanted).get("runs") or []
    if runs:
        first: Mapping[str, Any] = runs[0]
        return first
    body = {
        "experiment_id": experiment_id,
        "run_name": document.name,
        "start_time": document.began_ms,
        # With the run and not after it, so that one that is broken off is known again.
        "tags": _pairs(document.tags),
    }
    made: Mapping[str, Any] = client.send("POST", "runs/create", body)["run"]
    return made


def _missing(
    document: RunDocument, data: Mapping[str, Any], run_id: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Metrics, parameters and tags that a run does not hold yet."""
    parameters = {one["key"]: one["value"] for one in data.get("params", [])}
    for name, value in document.parameters.items():
        if parameters.get(name, value) != value:
            msg = (
                f"run {run_id} of MLflow holds another value of {name} ({_short(parameters[name])} "
                f"and not {_short(value)}); "
                "parameters are written once there: delete the run, and export again"
            )
            raise Conflict(msg)
    metrics = {one["key"]: float(one["value"]) for one in data.get("metrics", [])}
    tags = {one["key"]: one["value"] for one in data.get("tags", [])}
    return (
        [
            {"key": name, "value": value, "timestamp": document.ended_ms, "step": 0}
            for name, value in document.metrics.items()
            if metrics.get(name) != value
        ],
        _pairs({k: v for k, v in document.parameters.items() if k not in parameters}),
        _pairs({k: v for k, v in document.tags.items() if tags.get(k) != v}),
    )


def _upload_manifest(client: MlflowClient, manifest: Manifest, artifact_uri: str) -> None:
    """Store the manifest beside the run, where the server hands artifacts out itself."""
    parts = urlsplit(artifact_uri)
    if parts.scheme == "mlflow-artifacts":
        client.upload(f"{parts.path.strip('/')}/{_FOLDER}/manifest.json", manifest.encode())


def _version(client: MlflowClient, manifest: Manifest, run_id: str) -> str:
    """The number of the registered version of a run, which is made where there is none."""
    try:
        client.get("registered-models/get", name=manifest.name)
    except NotFound:
        # Somebody else may make it meanwhile.
        with contextlib.suppress(Conflict):
            client.send("POST", "registered-models/create", {"name": manifest.name})
    wanted = f"name='{manifest.name}' and run_id='{run_id}'"
    versions = client.get("model-versions/search", filter=wanted, max_results=1)
    for one in versions.get("model_versions") or []:
        return str(one["version"])
    body = {
        "name": manifest.name,
        "run_id": run_id,
        "source": f"runs:/{run_id}/{_FOLDER}",
        "description": str(manifest),
        "tags": _pairs({VERSION: manifest.reference, DIGEST: manifest.digest}),
    }
    made = client.send("POST", "model-versions/create", body)
    return str(made["model_version"]["version"])


def _short(value: str) -> str:
    return repr(value) if len(value) <= _SHOWN else f"{value[:_SHOWN]!r} …"


def _pairs(values: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"key": name, "value": value} for name, value in values.items()]
