"""Vertex AI's prediction service: `POST /v1/projects/…/locations/…/endpoints/{endpoint}:predict`.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.endpoints/predict, and
`:rawPredict` beside it. Google's clients write every number as a float.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from serve_app.core.messages import Payload, Response
from serve_app.core.violations import value_text
from serve_app.errors import BadEncoding
from serve_app.protocols import methods
from serve_app.protocols.bodies import json_body, rows, several_targets
from serve_app.protocols.dialect import JSON, JSON_TYPES, ByPath, Call, Dialect, Refusal, Reply

_STATUS = {
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class Vertex(ByPath):
    """`{"instances": […], "parameters": {…}}`; each prediction is the value for one instance.

    A deployed model of Vertex's is a version here, and its model an endpoint. Probabilities stand
    under `metadata`, the only place that Google's clients read beside the predictions;
    `parameters: {"predict_method": "predict_proba"}` makes them the predictions, `raw_scores`
    those.
    """

    name = "vertex"
    media_types = JSON_TYPES

    def decode(self, call: Call) -> Payload:
        """The columns of a body.

        Raises:
            BadEncoding: it is not JSON, or not of this shape.
            InvalidInput: a row does not have one value per column.
            TooLarge: more than `max_rows` rows.
        """
        document = json_body.parse(call.body)
        instances = json_body.rows_under(document, "instances")
        json_body.check_rows(len(instances), call.max_rows)
        parameters = json_body.members(document, "parameters")
        return Payload(
            columns=rows.of_rows(instances, call.names),
            rows=len(instances),
            keys=parameters,
            method=methods.of_parameters(parameters),
        )

    def encode(self, response: Response) -> Reply:
        """The predictions, and who gave them.

        Raises:
            InvalidInput: probabilities were asked of a model that gives none.
        """
        answer = response.answer
        prediction = answer.prediction
        metadata: dict[str, Any] = {"prediction_id": response.prediction_id}
        if prediction.probabilities is not None:
            metadata["probabilities"] = several_targets.probabilities(response)
        metadata.update(several_targets.about(response))
        body = {
            "predictions": several_targets.answered(response, methods.answered(response)),
            "deployedModelId": ",".join(answer.variants),
            "model": response.request.endpoint,
            "metadata": metadata,
        }
        return Reply(json_body.dump(body))

    def refuse(self, refusal: Refusal) -> Reply:
        """Google's clients read an object under `error`, and raise by the status."""
        error = {
            "code": refusal.status,
            "message": refusal.message,
            "status": _STATUS.get(refusal.status, "INVALID_ARGUMENT"),
        }
        return Reply(json_body.dump({"error": error}))


class RawVertex(ByPath):
    """A body as it is, or in base64 under `httpBody`, as Google's REST client writes it.

    What is in it is read and answered in the dialect `inner`.
    """

    name = "vertex_raw"

    def __init__(self, inner: Dialect) -> None:
        self._inner = inner
        self.media_types = inner.media_types

    def decode(self, call: Call) -> Payload:
        """The columns of a body; raises as that of the dialect does."""
        document = json_body.parse(call.body) if b'"httpBody"' in call.body else {}
        if "httpBody" not in document:
            return self._inner.decode(call)
        sent = json_body.members(document, "httpBody")
        kind = sent.get("contentType")
        kind = kind if isinstance(kind, str) and kind else JSON.decode()
        headers = {**call.headers, "content-type": kind}
        payload = self._inner.decode(replace(call, body=_unwrapped(sent), headers=headers))
        return replace(payload, form=_Wrapped(payload.form))

    def encode(self, response: Response) -> Reply:
        """The answer as it would be, wrapped where the request was; headers say who gave it."""
        form = response.request.payload.form
        if isinstance(form, _Wrapped):
            reply = self._inner.encode(_with_form(response, form.inner))
            data = base64.b64encode(reply.body).decode()
            body = json_body.dump({"contentType": reply.media_type.decode(), "data": data})
            reply = reply._replace(body=body, media_type=JSON)
        else:
            reply = self._inner.encode(response)
        variants = ",".join(response.answer.variants).encode()
        headers = (
            (b"x-vertex-ai-deployed-model-id", variants),
            (b"x-vertex-ai-model", response.request.endpoint.encode()),
        )
        return reply._replace(headers=(*reply.headers, *headers))

    def refuse(self, refusal: Refusal) -> Reply | None:
        """As the dialect does."""
        return self._inner.refuse(refusal)


@dataclass(frozen=True, slots=True)
class _Wrapped:
    """That a body came in base64, and what its dialect has to remember of it."""

    inner: Any


def _with_form(response: Response, form: Any) -> Response:
    payload = replace(response.request.payload, form=form)
    return response._replace(request=response.request._replace(payload=payload))


def _unwrapped(sent: Mapping[str, Any]) -> bytes:
    data = sent.get("data")
    try:
        if isinstance(data, str):
            return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        pass
    msg = f"'httpBody' must have the body in base64 under 'data', got {value_text(data)}"
    raise BadEncoding(msg, key="httpBody")


DIALECT = Vertex()
RAW = RawVertex(DIALECT)
