"""Vertex AI's batch prediction jobs, read, and how it describes them.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.batchPredictionJobs.
Machines and labels are taken and left alone; whatever else is not done is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from serve_app.batch.job import JobOptions, JobState
from serve_app.batch.rendering import Content, Instances
from serve_app.engine.batch.desk import JobOrder
from serve_app.engine.batch.named_desk import NamedStatus
from serve_app.errors import InvalidInput
from serve_app.gateway.given_members import object_under, only
from serve_app.protocols import methods

STATES: Mapping[JobState | str, str] = {
    "QUEUED": "JOB_STATE_QUEUED",
    "RUNNING": "JOB_STATE_RUNNING",
    "PAUSED": "JOB_STATE_PAUSED",
    "CANCELLING": "JOB_STATE_CANCELLING",
    "CANCELLED": "JOB_STATE_CANCELLED",
    "SUCCEEDED": "JOB_STATE_SUCCEEDED",
    "SUCCEEDED_WITH_ERRORS": "JOB_STATE_PARTIALLY_SUCCEEDED",
    "FAILED": "JOB_STATE_FAILED",
}
_LEFT_ALONE = frozenset(
    {
        *("displayName", "labels", "dedicatedResources", "manualBatchTuningParameters"),
        *("serviceAccount", "generateExplanation", "disableContainerLogging"),
    }
)
_KNOWN = frozenset(
    {
        *_LEFT_ALONE,
        *("model", "modelVersionId", "modelParameters", "inputConfig", "outputConfig"),
        "instanceConfig",
    }
)
_CONTENTS: Mapping[str, Content] = {"jsonl": "lines", "csv": "csv"}
_LONGEST = 1_024
_MOST_FILES = 1_000
_INTERNAL = 13
"""The code of google.rpc for what failed here."""


def order_of(
    document: Mapping[str, Any], name: str, version: tuple[str, str | None], created_at_s: float
) -> JobOrder:
    """The job that a request asks for, of a version and the transformer before it.

    Raises:
        InvalidInput: a member is missing, unknown, of another kind, or says what is not done here.
    """
    only(document, "the job", _KNOWN)
    if document.get("generateExplanation"):
        raise InvalidInput("generateExplanation is not done here: jobs give predictions alone")
    model, preprocess = version
    content, uris = _input(object_under(document, "inputConfig"))
    place = _destination(object_under(document, "outputConfig"))
    title = model.partition("@")[0]
    stamp = _timestamp(created_at_s).replace(":", "_")
    rendering = Instances(
        destination=f"{place.rstrip('/')}/prediction-{title}-{stamp}",
        content=content,
        method=methods.of_parameters(object_under(document, "modelParameters", {})),
        **_instance(object_under(document, "instanceConfig", {})),
    )
    options = JobOptions(format="jsonl", max_bad_ratio=1.0, rendering=rendering)
    return JobOrder(model, uris, f"vertex-{name}", options, preprocess)


def model_of(document: Mapping[str, Any]) -> str:
    """The model that a job names, by the last part of its resource's name, and its version.

    Raises:
        InvalidInput: it names none.
    """
    model = document.get("model")
    if not isinstance(model, str) or not 0 < len(model) <= _LONGEST:
        raise InvalidInput("'model' must be projects/…/locations/…/models/NAME")
    name, version = model.rpartition("/")[2], document.get("modelVersionId")
    if not version or "@" in name:
        return name
    return f"{name}@{version}"


def describe(job: NamedStatus, parent: str, *, values: bool) -> dict[str, Any]:
    """A job as its resource; of `values` of rows only where they may be seen."""
    named, status = job.named, job.status
    request = {name: named.request[name] for name in named.request if name in _KNOWN}
    body: dict[str, Any] = {
        **request,
        "name": f"{parent}/batchPredictionJobs/{named.name}",
        "state": STATES[job.state],
        "createTime": _timestamp(named.given_at_s),
        "updateTime": _timestamp(status["changed_at_s"]),
        "completionStats": {
            "successfulCount": str(status["rows_ok"]),
            "failedCount": str(status["rows_bad"]),
            "incompleteCount": str(status["rows"] - status["rows_done"]),
        },
    }
    for member, at_s in (("startTime", named.started_at_s), ("endTime", job.ended_at_s)):
        if at_s is not None:
            body[member] = _timestamp(at_s)
    if job.state in {"SUCCEEDED", "SUCCEEDED_WITH_ERRORS"}:
        body["outputInfo"] = {"gcsOutputDirectory": named.request["_destination"]}
    if job.state == "FAILED":
        message = status["message"] if values else "the job failed"
        body["error"] = {"code": _INTERNAL, "message": message}
    if values and status["first_errors"]:
        body["partialFailures"] = [
            {"code": 3, "message": message} for message in status["first_errors"]
        ]
    return body


def _input(given: Mapping[str, Any]) -> tuple[Content, tuple[str, ...]]:
    only(given, "inputConfig", {"instancesFormat", "gcsSource", "bigquerySource"})
    if given.get("bigquerySource") is not None:
        raise InvalidInput("inputConfig.bigquerySource is not read; name files in gcsSource")
    form = given.get("instancesFormat")
    if not isinstance(form, str) or form not in _CONTENTS:
        known = " or ".join(_CONTENTS)
        raise InvalidInput(f"inputConfig.instancesFormat must be {known}; got {str(form)[:80]!r}")
    uris = object_under(given, "gcsSource").get("uris")
    if not isinstance(uris, list) or not 0 < len(uris) <= _MOST_FILES:
        raise InvalidInput(f"gcsSource.uris must be a list of 1 to {_MOST_FILES:,} URLs")
    return _CONTENTS[form], tuple(_location(uri, "gcsSource.uris") for uri in uris)


def _destination(given: Mapping[str, Any]) -> str:
    only(given, "outputConfig", {"predictionsFormat", "gcsDestination", "bigqueryDestination"})
    if given.get("bigqueryDestination") is not None:
        msg = "outputConfig.bigqueryDestination is not written to; name a gcsDestination"
        raise InvalidInput(msg)
    form = given.get("predictionsFormat")
    if form != "jsonl":
        raise InvalidInput(f"outputConfig.predictionsFormat must be jsonl; got {str(form)[:80]!r}")
    prefix = object_under(given, "gcsDestination").get("outputUriPrefix")
    return _location(prefix, "gcsDestination.outputUriPrefix")


def _instance(given: Mapping[str, Any]) -> dict[str, Any]:
    known = {"instanceType", "keyField", "includedFields", "excludedFields"}
    only(given, "instanceConfig", known)
    kind, key = given.get("instanceType") or "array", given.get("keyField")
    if kind not in {"object", "array"}:
        raise InvalidInput(f"instanceType must be object or array; got {str(kind)[:80]!r}")
    if key is not None and not isinstance(key, str):
        raise InvalidInput("keyField must be the name of a field")
    if given.get("includedFields") and given.get("excludedFields"):
        raise InvalidInput("give includedFields or excludedFields, not both")
    return {
        "key": key or None,
        "included": _names(given, "includedFields"),
        "excluded": _names(given, "excludedFields"),
        "as_objects": kind == "object",
    }


def _names(given: Mapping[str, Any], name: str) -> tuple[str, ...]:
    listed = given.get(name) or []
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise InvalidInput(f"{name} must be a list of names of fields")
    return tuple(listed)


def _location(text: Any, name: str) -> str:
    if not isinstance(text, str) or not 0 < len(text) <= _LONGEST:
        raise InvalidInput(f"{name} must be URLs of up to {_LONGEST:,} characters")
    plain = text.removeprefix("file://")
    if "://" not in plain and not plain.startswith("/"):
        raise InvalidInput(f"{name} must be a URL, gs://…, s3://… or file:///…; got {text[:80]!r}")
    return plain


def _timestamp(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
