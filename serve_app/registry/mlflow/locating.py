"""Where the artifacts of a model lie, as its server says."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from serve_app.errors import InvalidInput, NotFound, ServerFault
from serve_app.registry.lineage import Lineage, SourceCode
from serve_app.registry.mlflow.address import PREFIX, Address, Wanted
from serve_app.registry.mlflow.client import MlflowClient

_COMMIT = "mlflow.source.git.commit"
_MODEL_ID = re.compile(r"models:/(?P<id>m-[A-Za-z0-9_-]{1,255})/?")
_RUN_PATH = re.compile(r"runs:/(?P<run>[A-Za-z0-9][A-Za-z0-9_-]{0,255})/?(?P<path>.*)")


@dataclass(frozen=True, slots=True)
class Located:
    """A model of a server: where its artifacts lie, and which it is.

    `version` is none of models that are not registered there, `run_id` of those without a run.
    """

    address: Address
    uri: str
    version: str | None = None
    run_id: str | None = None

    @property
    def origin(self) -> str:
        """Which model it is in words, with its number where an alias was given.

        `mlflow+http://host:5000#models:/churn/3, run 4f…`
        """
        wanted = self.address.wanted
        if self.version is not None:
            which = f"models:/{wanted.name}/{self.version}"
        elif wanted.kind == "run":
            which = f"runs:/{wanted.name}/{wanted.part}"
        else:
            which = f"models:/{wanted.name}"
        place = f"{PREFIX}{self.address.server}#{which}"
        return place if self.run_id is None else f"{place}, run {self.run_id}"


def locate(client: MlflowClient, address: Address) -> Located:
    """Ask a server where a model lies; an alias is resolved once, so that it is one version.

    Raises:
        NotFound: there is no such model, version or alias; in the server's words.
        ServeError: as the client's methods raise.
    """
    wanted = address.wanted
    if wanted.kind == "logged":
        info = _logged(client, wanted.name)
        return Located(address, _text(info, "artifact_uri"), None, info.get("source_run_id"))
    if wanted.kind == "run":
        uri = _of_run(client, wanted.name, wanted.part)
        return Located(address, uri, None, wanted.name)
    version = _version(client, wanted)
    number = _text(version, "version")
    answer = client.get("model-versions/get-download-uri", name=wanted.name, version=number)
    uri = _resolved(client, _text(answer, "artifact_uri"))
    return Located(address, uri, number, version.get("run_id") or None)


def lineage_of_run(client: MlflowClient, run_id: str) -> Lineage:
    """What a run of MLflow's says of the model that it made: its metrics, its commit, its time.

    Raises:
        ServeError: as the client's methods raise.
    """
    run = client.get("runs/get", run_id=run_id).get("run", {})
    data, info = run.get("data", {}), run.get("info", {})
    metrics = {
        str(one["key"]): float(one["value"])
        for one in data.get("metrics", [])
        if math.isfinite(float(one["value"]))
    }
    commit = _pairs(data.get("tags", [])).get(_COMMIT)
    began_ms, ended_ms = info.get("start_time"), info.get("end_time")
    took = None if not began_ms or not ended_ms else (int(ended_ms) - int(began_ms)) / 1000
    return Lineage(
        run_id=run_id,
        metrics=metrics,
        code=None if not commit else SourceCode(commit=commit),
        duration_s=None if took is None or took < 0 else took,
    )


def _version(client: MlflowClient, wanted: Wanted) -> Mapping[str, Any]:
    if wanted.kind == "alias":
        try:
            answer = client.get("registered-models/alias", name=wanted.name, alias=wanted.part)
        except InvalidInput as error:
            # So MLflow says that there is none.
            raise NotFound(error.message) from None
        return _body(answer, "model_version")
    if wanted.kind == "version":
        answer = client.get("model-versions/get", name=wanted.name, version=wanted.part)
        return _body(answer, "model_version")
    client.get("registered-models/get", name=wanted.name)
    quoted = wanted.name.replace("'", "''")
    answer = client.get(
        "model-versions/search",
        filter=f"name='{quoted}'",
        max_results=1,
        order_by="version_number DESC",
    )
    versions = answer.get("model_versions") or []
    if not versions:
        raise NotFound(f"model {wanted.name!r} has no version on {client.server}")
    newest: Mapping[str, Any] = versions[0]
    return newest


def _resolved(client: MlflowClient, uri: str) -> str:
    """Where artifacts lie in the end: a version may name a logged model, or a run."""
    logged = _MODEL_ID.fullmatch(uri)
    if logged is not None:
        return _text(_logged(client, logged["id"]), "artifact_uri")
    run = _RUN_PATH.fullmatch(uri)
    return uri if run is None else _of_run(client, run["run"], run["path"])


def _logged(client: MlflowClient, model_id: str) -> Mapping[str, Any]:
    answer = client.get(f"logged-models/{model_id}")
    return _body(_body(answer, "model"), "info")


def _of_run(client: MlflowClient, run_id: str, path: str) -> str:
    info = _body(_body(client.get("runs/get", run_id=run_id), "run"), "info")
    root = _text(info, "artifact_uri").rstrip("/")
    return f"{root}/{path.strip('/')}" if path.strip("/") else root


def _body(answer: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    inner = answer.get(key)
    if not isinstance(inner, Mapping):
        raise ServerFault(f"the server's answer has no {key!r}; is it a server of MLflow's?")
    return inner


def _text(answer: Mapping[str, Any], key: str) -> str:
    value = answer.get(key)
    if not value:
        raise ServerFault(f"the server's answer has no {key!r}; is it a server of MLflow's?")
    return str(value)


def _pairs(listed: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {str(one["key"]): str(one["value"]) for one in listed}
