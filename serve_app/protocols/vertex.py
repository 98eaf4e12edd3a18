"""Vertex AI's prediction protocol, of its containers and of its endpoints.

https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements and
https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.endpoints/predict.
"""

from __future__ import annotations

from serve_app.core.messages import Payload, Response
from serve_app.core.violations import told
from serve_app.errors import BadEncoding
from serve_app.protocols import json_body, methods, rows
from serve_app.protocols.dialect import JSON_TYPES, ByPath, Call, Refusal, Reply

_STATUSES = {
    400: "INVALID_ARGUMENT",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class Vertex(ByPath):
    """`{"instances": [row, …], "parameters": {…}}`; a prediction per instance.

    `parameters: {"predict_method": "predict_proba"}` asks for probabilities.
    """

    name = "vertex"
    media_types = JSON_TYPES

    def decode(self, call: Call) -> Payload:
        """The columns of a body.

        Raises:
            BadEncoding: not JSON, or not of this shape.
            InvalidInput: the parameters ask for what there is not.
            TooLarge: more than `max_rows` rows.
        """
        document = json_body.parse(call.body)
        instances = document.get("instances")
        if not isinstance(instances, list):
            msg = f"'instances' must be a list of rows, got {told(instances)}"
            raise BadEncoding(msg, key="instances")
        json_body.check_rows(len(instances), call.max_rows)
        parameters = json_body.members(document, "parameters")
        return Payload(
            columns=rows.of_rows(instances, call.names),
            rows=len(instances),
            keys=parameters,
            form=methods.of_parameters(parameters),
        )

    def encode(self, response: Response) -> Reply:
        """The predictions, and who gave them.

        Raises:
            InvalidInput: probabilities were asked of a model that gives none.
        """
        shares = response.request.payload.form
        values = methods.answered(response.answer.prediction, probabilities=shares)
        body = {
            "predictions": json_body.plain(values),
            "deployedModelId": ",".join(response.answer.variants),
            "model": response.request.endpoint,
        }
        return Reply(json_body.dump(body))

    def refuse(self, refusal: Refusal) -> Reply:
        """An error as Google's APIs say it."""
        usual = "INTERNAL" if refusal.status >= 500 else "INVALID_ARGUMENT"
        error = {
            "code": refusal.status,
            "message": refusal.message,
            "status": _STATUSES.get(refusal.status, usual),
        }
        return Reply(json_body.dump({"error": error}))


DIALECT = Vertex()
