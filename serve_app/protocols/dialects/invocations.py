"""`POST /invocations`: what MLflow's scoring server and SageMaker's containers answer.

https://mlflow.org/docs/latest/deployment/deploy-model-locally and
https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-inference.html. Bodies tell the two apart, and
nothing else has to: JSON with one of MLflow's keys, a list of rows, lines of JSON, CSV with or
without a header, matrices of NumPy's, LIBSVM.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serve_app.core.columns import Array
from serve_app.core.messages import Payload, RawColumns, Response
from serve_app.core.violations import value_text
from serve_app.errors import BadEncoding, NotAcceptable, UnsupportedMedia
from serve_app.protocols import methods
from serve_app.protocols.bodies import delimited, json_body, npy, rows, several_targets
from serve_app.protocols.dialect import (
    JSON_TYPES,
    Addressee,
    ByPath,
    Call,
    Refusal,
    Reply,
    media_type,
)
from serve_app.protocols.dialects import mlflow_words

JSON, CSV, LINES = "application/json", "text/csv", "application/jsonlines"
_LINES = frozenset({LINES, "application/x-jsonlines", "application/x-ndjson"})
_LIBSVM = frozenset({"text/libsvm", "text/x-libsvm"})
_CHECKED = {JSON: ("charset",), CSV: ("charset", "header")}
"""The parameters that content types may have, as MLflow's scoring server looks at them."""
_FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
_ANSWERED = {
    **dict.fromkeys(("*/*", "application/*", JSON, "text/json"), JSON),
    **dict.fromkeys((CSV, "text/*"), CSV),
    **dict.fromkeys(_LINES, LINES),
    npy.MEDIA_TYPE: npy.MEDIA_TYPE,
}
"""The form of the answer, by the content types that clients accept."""
_MODEL = "x-amzn-sagemaker-target-model"
_VARIANT = "x-amzn-sagemaker-target-variant"
_ECHOED = "x-amzn-sagemaker-custom-attributes"
_MLFLOW_CODES = {
    "bad_encoding": "BAD_REQUEST",
    "not_found": "RESOURCE_DOES_NOT_EXIST",
    "no_such_path": "ENDPOINT_NOT_FOUND",
    "overloaded": "REQUEST_LIMIT_EXCEEDED",
    "not_ready": "TEMPORARILY_UNAVAILABLE",
    "unavailable": "TEMPORARILY_UNAVAILABLE",
    "deadline_exceeded": "TEMPORARILY_UNAVAILABLE",
}
_AWS_ERRORS = {
    "deadline_exceeded": "ModelError",
    "model_failed": "ModelError",
    "not_ready": "ServiceUnavailable",
    "overloaded": "ThrottlingException",
    "unavailable": "ServiceUnavailable",
}
"""What boto3 calls the errors that are not the request's fault, by code."""


class Invocations(ByPath):
    """Rows in one of many forms in; `{"predictions": …}`, CSV, lines of JSON or a matrix out.

    `params: {"predict_method": "predict_proba"}` asks for probabilities, as with MLflow, and
    `raw_scores` for those. Beside a body that has no such place, SageMaker's custom attributes
    may hold `predict_method=predict_proba`. CSV and matrices have one level: there the
    probabilities of several targets' classes stand side by side, in the order of the targets.
    """

    name = "invocations"
    media_types = JSON_TYPES | {CSV, npy.MEDIA_TYPE, *_LINES, *_LIBSVM}

    def target(self, headers: Mapping[str, str]) -> Addressee:
        """SageMaker's target model is an endpoint, its target variant a version."""
        return Addressee(headers.get(_MODEL), headers.get(_VARIANT))

    def decode(self, call: Call) -> Payload:
        """The columns of a body.

        Raises:
            BadEncoding: it is of none of the forms.
            InvalidInput: its rows and columns do not fit each other.
            NotAcceptable: the answer is wanted in a form that is not spoken here.
            TooLarge: more than `max_rows` rows.
            UnsupportedMedia: the content type has a parameter that says nothing here.
        """
        self._check_type(call)
        accepted = _accepted(call.headers)
        table = of_a_table(call)
        if table is not None:
            columns, count = table
            method = _of_attributes(call.headers.get(_ECHOED, ""))
            return Payload(columns=columns, rows=count, form=accepted, method=method)
        document = json_body.parse_any(call.body, nan=True)
        if isinstance(document, list):
            document = {"instances": document}
        return of_document(document, call, accepted)

    def encode(self, response: Response) -> Reply:
        """The answer in the form that `Accept` asks for.

        Raises:
            InvalidInput: probabilities were asked of a model that gives none.
        """
        accepted = response.request.payload.form
        flat = accepted in {CSV, npy.MEDIA_TYPE}
        values = methods.flat(response, accepted) if flat else methods.answered(response)
        headers = marks(response)
        if accepted == CSV:
            return Reply(delimited.write_csv(values.tolist()), CSV.encode(), headers)
        if accepted == LINES:
            predictions = several_targets.answered(response, values)
            listed = predictions if isinstance(predictions, list) else predictions.tolist()
            lines = delimited.write_lines([{"prediction": value} for value in listed])
            return Reply(lines, LINES.encode(), headers)
        if accepted == npy.MEDIA_TYPE:
            return Reply(npy.write(values), accepted.encode(), headers)
        return Reply(self._json(several_targets.answered(response, values)), headers=headers)

    def refuse(self, refusal: Refusal) -> Reply:
        """boto3 raises the error that a header names."""
        other = "ValidationError" if refusal.status < 500 else "InternalFailure"
        kind = _AWS_ERRORS.get(refusal.code, other)
        return Reply(b"", headers=((b"x-amzn-errortype", kind.encode()),))

    def _check_type(self, call: Call) -> None:
        _check_parameters(call)

    def _json(self, values: Array | list[Any]) -> bytes:
        return json_body.dump({"predictions": values})


class SageMaker(Invocations):
    """The same, with a bare list for JSON, as SageMaker's scikit-learn container answers."""

    name = "sagemaker"

    def _check_type(self, call: Call) -> None:
        """SageMaker's containers look at no parameters."""

    def _json(self, values: Array | list[Any]) -> bytes:
        return json_body.dump(values)


class MLflow(ByPath):
    """MLflow's scoring server alone: JSON with one of its four keys or CSV with a header in.

    CSV that is said to have none (`text/csv; header=absent`) is taken at its word.
    """

    name = "mlflow"
    media_types = JSON_TYPES | {CSV}

    def decode(self, call: Call) -> Payload:
        """The columns of a body.

        Raises:
            BadEncoding: it is of none of the forms.
            InvalidInput: its rows and columns do not fit each other.
            TooLarge: more than `max_rows` rows.
            UnsupportedMedia: the content type has a parameter that says nothing here.
        """
        _check_parameters(call)
        if call.media_type == CSV:
            columns, count = delimited.read_csv(call, header=call.header is not False)
            return Payload(columns=columns, rows=count, form=JSON)
        try:
            document = json_body.parse_any(call.body, nan=True)
        except BadEncoding as error:
            raise mlflow_words.begun(error, mlflow_words.NO_JSON) from None
        try:
            return of_document(document, call, JSON)
        except BadEncoding as error:
            words = mlflow_words.of_document(document, _FORMS)
            raise mlflow_words.begun(error, words) from None

    def encode(self, response: Response) -> Reply:
        """`{"predictions": …}`.

        Raises:
            InvalidInput: probabilities were asked of a model that gives none.
        """
        return Reply(
            json_body.dump(
                {"predictions": several_targets.answered(response, methods.answered(response))}
            )
        )


DIALECT = Invocations()
SAGEMAKER = SageMaker()
MLFLOW = MLflow()


def refuse_as_mlflow(refusal: Refusal) -> Reply:
    """An error as MLflow's scoring server says it."""
    if refusal.status == 415:
        return Reply(refusal.message.encode(), b"text/plain; charset=utf-8")
    usual = "INTERNAL_ERROR" if refusal.status >= 500 else "INVALID_PARAMETER_VALUE"
    code = _MLFLOW_CODES.get(refusal.code, usual)
    return Reply(json_body.dump({"error_code": code, "message": refusal.message}))


def of_a_table(call: Call) -> tuple[RawColumns, int] | None:
    """The columns and the number of rows of a body that is no JSON document; none of others.

    Raises:
        ClientError: it is not what its content type says.
    """
    kind = call.media_type
    if kind == CSV:
        return delimited.read_csv(call, header=call.header)
    if kind in _LINES:
        return delimited.read_lines(call.body, call.names, call.max_rows)
    if kind in _LIBSVM:
        return delimited.read_libsvm(call.body, call.names, call.max_rows)
    if kind == npy.MEDIA_TYPE:
        return npy.read(call.body, call.names, call.max_rows)
    return None


def of_document(document: Any, call: Call, accepted: str) -> Payload:
    """What a JSON document with one of MLflow's keys holds.

    Raises:
        BadEncoding: it has none of them, or several.
        InvalidInput: its rows and columns do not fit each other.
        TooLarge: more rows than the limit.
    """
    if not isinstance(document, dict):
        msg = f"the body must be a JSON object or a list of rows, got {value_text(document)}"
        raise BadEncoding(msg)
    columns, count = _from_document(document, call)
    params = json_body.members(document, "params")
    method = methods.of_parameters(params)
    return Payload(columns=columns, rows=count, keys=params, form=accepted, method=method)


def _check_parameters(call: Call) -> None:
    """Refuse what MLflow's server refuses: parameters of JSON and CSV that it does not know."""
    kind, semicolon, parameters = call.headers.get("content-type", "").partition(";")
    if not semicolon or kind.strip().lower() not in _CHECKED:
        return
    known = _CHECKED[kind.strip().lower()]
    for parameter in parameters.split(";"):
        name = parameter.partition("=")[0].strip().lower()
        if name and name not in known:
            msg = (
                f"the content type's parameter {name[:80]!r} is not known here; "
                f"{kind.strip()} may have {' and '.join(known)}"
            )
            raise UnsupportedMedia(msg, accepted=list(known))


def _of_attributes(attributes: str) -> str:
    """The method that SageMaker's custom attributes ask for, among whatever else they hold.

    Raises:
        InvalidInput: there is no such method.
    """
    pairs = (part.partition("=") for part in attributes.replace(";", ",").split(","))
    return methods.of_parameters({name.strip(): value.strip() for name, _, value in pairs})


def _accepted(headers: Mapping[str, str]) -> str:
    """The first of the types that a client accepts which is spoken here.

    Raises:
        NotAcceptable: none is.
    """
    accept = headers.get("accept", "")
    kinds = [media_type(part) for part in accept.split(",") if part.strip()]
    for kind in kinds or [JSON]:
        if kind in _ANSWERED:
            return _ANSWERED[kind]
    known = [JSON, CSV, LINES, npy.MEDIA_TYPE]
    msg = f"none of {accept[:80]!r} can be answered; accept one of {', '.join(known)}"
    raise NotAcceptable(msg, accepted=known)


def _from_document(document: Mapping[str, Any], call: Call) -> tuple[RawColumns, int]:
    given = [form for form in _FORMS if form in document]
    if len(given) != 1:
        which = "has none" if not given else f"has {' and '.join(given)}"
        msg = f"the body must have one of {', '.join(_FORMS)}; it {which}"
        raise BadEncoding(msg, known=list(_FORMS))
    (form,) = given
    if form in {"dataframe_split", "inputs"}:
        content = document[form]
        split = form == "dataframe_split"
        columns, count = (
            rows.of_split(content, call, form)
            if split
            else rows.of_columns(content, call.names, call.max_rows)
        )
        json_body.check_rows(count, call.max_rows)
        return columns, count
    listed = json_body.rows_under(document, form)
    json_body.check_rows(len(listed), call.max_rows)
    return rows.of_rows([delimited.features(row) for row in listed], call.names), len(listed)


def marks(response: Response) -> tuple[tuple[bytes, bytes], ...]:
    """What SageMaker's runtime tells its clients beside the answer."""
    variants = ",".join(response.answer.variants).encode()
    headers = [(b"x-amzn-invoked-production-variant", variants)]
    attributes = response.request.headers.get(_ECHOED)
    if attributes is not None:
        headers.append((_ECHOED.encode(), attributes.encode("latin-1")))
    return tuple(headers)
