"""SageMaker's requests for transform jobs, read, and how it describes such jobs.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html. What would
change nothing here is taken and left alone: tags, machines, how many requests run at a time, how
often they are tried again. Whatever else is not done is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from serve_app.batch.job import JobOptions, JobState
from serve_app.batch.json_path import JsonPath
from serve_app.batch.rendering import MAX_PAYLOAD_BYTES, Content, Transform
from serve_app.engine.batch.desk import JobOrder
from serve_app.engine.batch.named_desk import NamedStatus
from serve_app.errors import InvalidInput
from serve_app.gateway.given_members import object_under, only
from serve_app.protocols import methods
from serve_app.protocols.dialect import media_type

NAME = re.compile(r"[A-Za-z0-9](?:-*[A-Za-z0-9]){0,62}")
LONGEST_PATH = 1_024
STATUSES: Mapping[JobState | str, str] = {
    "QUEUED": "InProgress",
    "RUNNING": "InProgress",
    "PAUSED": "InProgress",
    "CANCELLING": "Stopping",
    "CANCELLED": "Stopped",
    "SUCCEEDED": "Completed",
    "SUCCEEDED_WITH_ERRORS": "Completed",
    "FAILED": "Failed",
}
_CONTENTS: Mapping[str, Content] = {
    "text/csv": "csv",
    "application/json": "json",
    "application/jsonlines": "lines",
    "application/x-jsonlines": "lines",
    "application/x-ndjson": "lines",
}
_KEPT = (
    "ModelName",
    "MaxConcurrentTransforms",
    "ModelClientConfig",
    "MaxPayloadInMB",
    "BatchStrategy",
    "Environment",
    "TransformInput",
    "TransformOutput",
    "TransformResources",
    "DataProcessing",
)
_KNOWN = frozenset({*_KEPT, "TransformJobName", "Tags"})
_NOT_DONE = {
    "DataCaptureConfig": "what jobs read and write is not captured; JoinSource keeps the input",
    "ExperimentConfig": "jobs belong to no experiment of SageMaker's",
}
_MOST_MIB = 100
_MOST_TRANSFORMS = 2**31 - 1
_CALLS = {"InvocationsTimeoutInSeconds": (1, 3_600), "InvocationsMaxRetries": (0, 3)}
_MIB = 1024 * 1024
_ARN = "arn:aws:sagemaker:local:000000000000:transform-job/"


def order_of(document: Mapping[str, Any], model: str, preprocess: str | None) -> JobOrder:
    """The job that a request of CreateTransformJob asks for, of a version.

    Raises:
        InvalidInput: a member is missing, unknown, of another kind, or says what is not done here.
    """
    for name in document:
        if name in _NOT_DONE:
            raise InvalidInput(f"{name} is not done here: {_NOT_DONE[name]}")
    only(document, "the request", _KNOWN)
    name, given = name_of(document), object_under(document, "TransformInput")
    uri, is_manifest = _source(given)
    options = JobOptions(
        format="jsonl",
        on_error="fail",
        rendering=_transform(document, given, is_manifest=is_manifest),
    )
    return JobOrder(model, (uri,), f"transform-{name}", options, preprocess)


def name_of(document: Mapping[str, Any]) -> str:
    """The name of the job that a request is about.

    Raises:
        InvalidInput: there is none, or no such name can be.
    """
    name = _text(document, "TransformJobName")
    if not NAME.fullmatch(name):
        msg = f"TransformJobName must be 1 to 63 letters, digits and '-'; got {name[:80]!r}"
        raise InvalidInput(msg)
    return name


def model_of(document: Mapping[str, Any]) -> str:
    """The model that a request names.

    Raises:
        InvalidInput: it names none.
    """
    return _text(document, "ModelName")


def describe(job: NamedStatus, *, values: bool) -> dict[str, Any]:
    """What DescribeTransformJob says of a job; of `values` of rows only where they may be seen."""
    request = job.named.request
    return {
        **summary(job, values=values),
        **{name: request[name] for name in _KEPT if name in request},
        **_times(TransformStartTime=job.named.started_at_s),
    }


def summary(job: NamedStatus, *, values: bool) -> dict[str, Any]:
    """What ListTransformJobs says of it."""
    body = {
        "TransformJobName": job.named.name,
        "TransformJobArn": f"{_ARN}{job.named.name}",
        "TransformJobStatus": STATUSES[job.state],
        "CreationTime": job.named.given_at_s,
        "LastModifiedTime": job.status["changed_at_s"],
        **_times(TransformEndTime=job.ended_at_s),
    }
    if job.state == "FAILED":
        body["FailureReason"] = job.status["message"] if values else "a record was not answered"
    return body


def arn(name: str) -> str:
    """What AWS calls a job everywhere."""
    return f"{_ARN}{name}"


def _transform(
    document: Mapping[str, Any], given: Mapping[str, Any], *, is_manifest: bool
) -> Transform:
    output = object_under(document, "TransformOutput")
    only(output, "TransformOutput", {"S3OutputPath", "Accept", "AssembleWith"}, _ENCRYPTION)
    resources = object_under(document, "TransformResources", {})
    if "VolumeKmsKeyId" in resources:
        raise InvalidInput(f"TransformResources.VolumeKmsKeyId: {_ENCRYPTION['KmsKeyId']}")
    processing = object_under(document, "DataProcessing", {})
    only(processing, "DataProcessing", {"InputFilter", "OutputFilter", "JoinSource"})
    content = _content(given.get("ContentType", ""), "TransformInput.ContentType", "csv")
    accept = _content(output.get("Accept", ""), "TransformOutput.Accept", content)
    join = _one_of(processing, "JoinSource", ("None", "Input")) == "Input"
    if join and (content == "csv") != (accept == "csv"):
        msg = "JoinSource Input needs ContentType and Accept of the same kind: CSV or JSON, both"
        raise InvalidInput(msg)
    _one_of(document, "BatchStrategy", ("MultiRecord", "SingleRecord"))
    _check_calls(document)
    return Transform(
        destination=location(output, "S3OutputPath"),
        base="",
        content=content,
        accept=accept,
        split=_one_of(given, "SplitType", ("None", "Line"), _BINARY) == "Line",
        lines=_one_of(output, "AssembleWith", ("None", "Line")) == "Line",
        join=join,
        input_filter=_filter(processing, "InputFilter"),
        output_filter=_filter(processing, "OutputFilter"),
        method=_method(document),
        max_payload_bytes=_payload(document),
        is_manifest=is_manifest,
        packed=_one_of(given, "CompressionType", ("None", "Gzip")) == "Gzip",
    )


_ENCRYPTION = {"KmsKeyId": "files are encrypted by the storage that they are in, as it is set up"}
_BINARY = {
    "RecordIO": "records of RecordIO are not read; send lines of CSV or JSON",
    "TFRecord": "records of TFRecord are not read; send lines of CSV or JSON",
}
_DATA_TYPES = {
    "AugmentedManifestFile": "augmented manifests are for training; list files in a ManifestFile",
    "Converse": "conversations are not answered here",
}


def _source(given: Mapping[str, Any]) -> tuple[str, bool]:
    """Where the input is, and whether that is a manifest."""
    only(given, "TransformInput", {"DataSource", "ContentType", "CompressionType", "SplitType"})
    source = object_under(object_under(given, "DataSource"), "S3DataSource")
    only(source, "S3DataSource", {"S3DataType", "S3Uri"})
    kind = _one_of(source, "S3DataType", ("S3Prefix", "ManifestFile"), _DATA_TYPES)
    return location(source, "S3Uri"), kind == "ManifestFile"


def location(document: Mapping[str, Any], name: str) -> str:
    """A URL of a storage, or a path where it is of a disk.

    Raises:
        InvalidInput: it is neither.
    """
    text = _text(document, name)
    plain = text.removeprefix("file://")
    if "://" not in plain and not plain.startswith("/"):
        raise InvalidInput(f"{name} must be a URL, s3://… or file:///…; got {text[:80]!r}")
    return plain


def _content(given: Any, name: str, otherwise: Content) -> Content:
    if not isinstance(given, str):
        raise InvalidInput(f"{name} must be a text")
    kind = media_type(given)
    if not kind:
        return otherwise
    if kind not in _CONTENTS:
        listed = ", ".join(list(_CONTENTS)[:3])
        raise InvalidInput(f"{name} is {given[:80]!r}; jobs read and write {listed}")
    return _CONTENTS[kind]


def _filter(processing: Mapping[str, Any], name: str) -> str:
    text = processing.get(name) or "$"
    if not isinstance(text, str):
        raise InvalidInput(f"{name} must be a JSONPath")
    try:
        JsonPath(text)
    except InvalidInput as error:
        raise InvalidInput(f"{name}: {error.message}") from None
    return text


def _method(document: Mapping[str, Any]) -> str:
    environment = object_under(document, "Environment", {})
    stranger = next((name for name in environment if name != "predict_method"), None)
    if stranger is not None:
        msg = (
            f"Environment has {stranger[:80]!r}, and no container is started that would read it; "
            "it may have predict_method"
        )
        raise InvalidInput(msg)
    return methods.of_parameters(environment)


def _payload(document: Mapping[str, Any]) -> int:
    given = _whole(document, "MaxPayloadInMB", 0, _MOST_MIB)
    return MAX_PAYLOAD_BYTES if given is None else given * _MIB


def _check_calls(document: Mapping[str, Any]) -> None:
    """Hold what says how a model is called against what AWS takes; it changes nothing here."""
    calls = object_under(document, "ModelClientConfig", {})
    only(calls, "ModelClientConfig", _CALLS)
    for name, (least, most) in _CALLS.items():
        _whole(calls, name, least, most)
    _whole(document, "MaxConcurrentTransforms", 0, _MOST_TRANSFORMS)


def _whole(document: Mapping[str, Any], name: str, least: int, most: int) -> int | None:
    value = document.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        msg = f"{name} must be a whole number from {least} to {most:,}; got {str(value)[:80]!r}"
        raise InvalidInput(msg)
    return value


def _one_of(
    document: Mapping[str, Any],
    name: str,
    known: tuple[str, ...],
    not_done: Mapping[str, str] | None = None,
) -> str:
    """The value of a member, the first of the known ones where it is not given."""
    value = document.get(name)
    if value is None:
        return known[0]
    if isinstance(value, str) and value in (not_done or {}):
        raise InvalidInput(f"{name} {value} is not done here: {(not_done or {})[value]}")
    if value not in known:
        raise InvalidInput(f"{name} must be {' or '.join(known)}; got {str(value)[:80]!r}")
    return str(value)


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_PATH:
        raise InvalidInput(f"{name} must be a text of up to {LONGEST_PATH:,} characters")
    return value


def _times(**given: float | None) -> dict[str, float]:
    """Times of AWS, in seconds since 1970, without those that are not yet."""
    return {name: value for name, value in given.items() if value is not None}
