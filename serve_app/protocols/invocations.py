"""`POST /invocations`: what MLflow's scoring server and SageMaker's containers answer.

https://mlflow.org/docs/latest/deployment/deploy-model-locally and
https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-inference.html. Bodies tell the two apart, and
nothing else has to: JSON with one of MLflow's keys, a list of rows, lines of JSON, CSV with or
without a header, one array.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serve_app.core.messages import Payload, RawColumns, Response
from serve_app.core.violations import told
from serve_app.errors import BadEncoding, InvalidInput, UnsupportedMedia
from serve_app.protocols import delimited, json_body, npy, rows
from serve_app.protocols.dialect import JSON_TYPES, ByPath, Call, Refusal, Reply, Target

CSV, LINES = "text/csv", "application/jsonlines"
_LINES = frozenset({LINES, "application/x-jsonlines", "application/x-ndjson"})
_TABLES = frozenset({CSV, npy.MEDIA_TYPE, *_LINES})
_ANSWERS = {
    **dict.fromkeys(("*/*", "application/*", "application/json", "text/json"), "application/json"),
    **dict.fromkeys((CSV, "text/*"), CSV),
    **dict.fromkeys(_LINES, LINES),
    npy.MEDIA_TYPE: npy.MEDIA_TYPE,
}
"""What a client accepts, and the form of the answer that it gets."""
_FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
_MODEL = "x-amzn-sagemaker-target-model"
_VARIANT = "x-amzn-sagemaker-target-variant"
_ECHOED = "x-amzn-sagemaker-custom-attributes"
_ERRORS = {
    "deadline_exceeded": "ModelError",
    "model_failed": "ModelError",
    "not_ready": "ServiceUnavailable",
    "overloaded": "ThrottlingException",
    "unavailable": "ServiceUnavailable",
}
"""What boto3 calls the errors that are not the request's fault, by code."""


class Invocations(ByPath):
    """Rows in one of many forms in; `{"predictions": …}`, CSV, lines of JSON or an array out.

    `params: {"predict_method": "predict_proba"}` asks for probabilities, as with MLflow.
    """

    name = "invocations"
    media_types = JSON_TYPES | _TABLES

    def target(self, headers: Mapping[str, str]) -> Target:
        """SageMaker's target model is an endpoint, its target variant a version."""
        return Target(headers.get(_MODEL), headers.get(_VARIANT))

    def decode(self, call: Call) -> Payload:
        """The columns of a body.

        Raises:
            BadEncoding: it is of none of the forms.
            InvalidInput: its rows and columns do not fit each other.
            TooLarge: more than `max_rows` rows.
        """
        kind = call.media_type
        accepted = _accepted(call.headers)
        if kind in _TABLES:
            columns, count = _from_table(kind, call)
            return Payload(columns=columns, rows=count, form=(accepted, False))
        document = json_body.parse_any(call.body, nan=True)
        if isinstance(document, list):
            document = {"instances": document}
        if not isinstance(document, dict):
            msg = f"the body must be a JSON object or a list of rows, got {told(document)}"
            raise BadEncoding(msg)
        columns, count = _from_document(document, call)
        params = json_body.members(document, "params")
        return Payload(
            columns=columns,
            rows=count,
            keys=params,
            form=(accepted, _wants_probabilities(params)),
        )

    def encode(self, response: Response) -> Reply:
        """The answer in the form that `Accept` asks for.

        Raises:
            InvalidInput: probabilities were asked of a model that gives none.
        """
        answer = response.answer
        accepted, probabilities = response.request.payload.form
        values = answer.prediction.probabilities if probabilities else answer.prediction.values
        if values is None:
            raise InvalidInput("this endpoint gives no probabilities")
        headers = _told(response)
        if accepted == CSV:
            return Reply(delimited.write_csv(values.tolist()), b"text/csv", headers)
        if accepted == npy.MEDIA_TYPE:
            return Reply(npy.write(values), npy.MEDIA_TYPE.encode(), headers)
        if accepted == LINES:
            lines = delimited.write_lines([{"prediction": value} for value in values.tolist()])
            return Reply(lines, LINES.encode(), headers)
        body = json_body.dump({"predictions": json_body.plain(values)})
        return Reply(body, headers=headers)

    def refuse(self, refusal: Refusal) -> Reply | None:
        """boto3 raises the error that a header names."""
        other = "ValidationError" if refusal.status < 500 else "InternalFailure"
        kind = _ERRORS.get(refusal.code, other)
        return Reply(b"", headers=((b"x-amzn-errortype", kind.encode()),))


DIALECT = Invocations()


def _accepted(headers: Mapping[str, str]) -> str:
    """The first of the types that a client accepts which is spoken here.

    Raises:
        UnsupportedMedia: none is.
    """
    said = headers.get("accept", "")
    kinds = [part.partition(";")[0].strip().lower() for part in said.split(",") if part.strip()]
    for kind in kinds or ["*/*"]:
        if kind in _ANSWERS:
            return _ANSWERS[kind]
    spoken = list(dict.fromkeys(_ANSWERS.values()))
    msg = f"none of {said[:80]!r} can be answered; accept one of {', '.join(spoken)}"
    raise UnsupportedMedia(msg, accepted=spoken)


def _from_table(kind: str, call: Call) -> tuple[RawColumns, int]:
    if kind == CSV:
        return delimited.read_csv(call.body, call.columns, call.max_rows)
    if kind == npy.MEDIA_TYPE:
        return npy.read(call.body, call.names, call.max_rows)
    return delimited.read_lines(call.body, call.names, call.max_rows)


def _from_document(document: Mapping[str, Any], call: Call) -> tuple[RawColumns, int]:
    given = [form for form in _FORMS if form in document]
    if len(given) != 1:
        said = "has none" if not given else f"has {' and '.join(given)}"
        msg = f"the body must have one of {', '.join(_FORMS)}; it {said}"
        raise BadEncoding(msg, known=list(_FORMS))
    (form,) = given
    found = document[form]
    if form in {"dataframe_split", "inputs"}:
        split = form == "dataframe_split"
        columns, count = (
            rows.of_split(found, call.names, form) if split else rows.of_columns(found, call.names)
        )
        json_body.check_rows(count, call.max_rows)
        return columns, count
    if not isinstance(found, list):
        raise BadEncoding(f"{form!r} must be a list of rows, got {told(found)}", key=form)
    json_body.check_rows(len(found), call.max_rows)
    return rows.of_rows([delimited.features(row) for row in found], call.names), len(found)


def _wants_probabilities(params: Mapping[str, Any]) -> bool:
    method = params.get("predict_method", "predict")
    if method not in {"predict", "predict_proba"}:
        msg = f"'predict_method' is {told(method)}; it may be predict or predict_proba"
        raise InvalidInput(msg)
    return bool(method == "predict_proba")


def _told(response: Response) -> tuple[tuple[bytes, bytes], ...]:
    """What SageMaker's runtime tells its clients beside the answer."""
    variants = ",".join(response.answer.variants).encode()
    headers = [(b"x-amzn-invoked-production-variant", variants)]
    attributes = response.request.headers.get(_ECHOED)
    if attributes is not None:
        headers.append((_ECHOED.encode(), attributes.encode("latin-1")))
    return tuple(headers)
