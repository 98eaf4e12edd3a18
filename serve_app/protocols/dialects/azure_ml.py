"""Azure ML's online endpoints: `POST /score`.

https://learn.microsoft.com/azure/machine-learning/how-to-deploy-advanced-entry-script, and the
server that Azure runs, azureml-inference-server-http.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serve_app.core.messages import Payload, RawColumns, Response
from serve_app.core.violations import value_text
from serve_app.errors import BadEncoding, HeaderTooLarge
from serve_app.protocols import methods
from serve_app.protocols.bodies import forms, json_body, rows, several_targets
from serve_app.protocols.dialect import FORM, JSON_TYPES, Addressee, ByPath, Call, Refusal, Reply

_DEPLOYMENT = "azureml-model-deployment"
_LEGACY_ID, _CLIENT_ID = "x-ms-request-id", "x-ms-client-request-id"
_ID_CHARS = 100


class AzureMl(ByPath):
    """Rows under `data`, `Inputs` or `input_data`; a list of predictions.

    With GET the same stands in the query, each value as JSON. A body with `Inputs`, as AutoML's
    clients send it, is answered under `Results`; its `GlobalParameters` may ask for
    `{"method": "predict_proba"}` or `raw_scores`.
    """

    name = "azure_ml"
    media_types = JSON_TYPES | {FORM}

    def target(self, headers: Mapping[str, str]) -> Addressee:
        """A deployment of Azure's is a version here, and goes past the route."""
        return Addressee(None, headers.get(_DEPLOYMENT))

    def decode(self, call: Call) -> Payload:
        """The columns of a body.

        Raises:
            BadEncoding: it is of none of the forms.
            HeaderTooLarge: an identifier of the client's is.
            InvalidInput: its rows and columns do not fit each other.
            TooLarge: more than `max_rows` rows.
        """
        for name in (_LEGACY_ID, _CLIENT_ID):
            if len(call.headers.get(name, "")) > _ID_CHARS:
                raise HeaderTooLarge(f"{name} must not exceed {_ID_CHARS} characters")
        document = _document(call)
        if "Inputs" in document:
            inputs = json_body.members(document, "Inputs")
            table = inputs.get("data", next(iter(inputs.values()), None))
            columns, count = _from(table, "Inputs", call)
        elif "input_data" in document:
            columns, count = _from(document["input_data"], "input_data", call)
        else:
            columns, count = _from(document.get("data"), "data", call)
        json_body.check_rows(count, call.max_rows)
        keys = _parameters(document)
        return Payload(
            columns=columns,
            rows=count,
            keys=keys,
            form="Inputs" in document,
            method=methods.of_parameters(keys, "method"),
        )

    def encode(self, response: Response) -> Reply:
        """The predictions, with the headers that Azure's clients look for.

        Raises:
            InvalidInput: probabilities were asked of a model that gives none.
        """
        wrapped = response.request.payload.form
        values = several_targets.answered(response, methods.answered(response))
        given = response.request.headers
        legacy_id = given.get(_LEGACY_ID)
        client_id = given.get(_CLIENT_ID) or legacy_id
        request_id = legacy_id or client_id or response.request.id
        headers = [
            (_LEGACY_ID.encode(), request_id.encode("latin-1")),
            (b"x-ms-run-function-failed", b"False"),
            (_DEPLOYMENT.encode(), ",".join(response.answer.variants).encode()),
        ]
        if client_id:
            headers.append((_CLIENT_ID.encode(), client_id.encode("latin-1")))
        body = json_body.dump({"Results": values} if wrapped else values)
        return Reply(body, headers=tuple(headers))

    def refuse(self, refusal: Refusal) -> Reply:
        """Azure's clients read a header that says whether the model failed."""
        failed = b"True" if refusal.status == 500 else b"False"
        return Reply(b"", headers=((b"x-ms-run-function-failed", failed),))


DIALECT = AzureMl()


def _document(call: Call) -> dict[str, Any]:
    """The object of a body, or of a query: there each value is JSON."""
    form = forms.fields(call.body, call.headers.get("content-type", ""))
    if form is None:
        return json_body.parse(call.body)
    return {name: forms.only(form, name) for name in form}


def _parameters(document: dict[str, Any]) -> dict[str, Any]:
    """Azure's parameters for all rows; designers' pipelines send a number, which says nothing."""
    parameters = document.get("GlobalParameters")
    return parameters if isinstance(parameters, dict) else {}


def refuse(refusal: Refusal) -> Reply:
    """An error as Azure's server says it."""
    marks = DIALECT.refuse(refusal).headers
    return Reply(json_body.dump({"message": refusal.message}), headers=marks)


def _from(table: Any, key: str, call: Call) -> tuple[RawColumns, int]:
    if isinstance(table, dict) and isinstance(table.get("data"), list):
        return rows.of_split(table, call, key)
    if not isinstance(table, list):
        msg = (
            f"a value is not provided for {key!r}: it must be a list of rows, or an object with "
            f"'columns' and 'data', got {value_text(table)}"
        )
        raise BadEncoding(msg, key=key)
    return rows.of_rows(table, call.names), len(table)
