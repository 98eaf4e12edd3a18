"""KServe's first protocol: rows in, `{"predictions": […]}` out, in CloudEvents where asked so.

https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol and
https://github.com/cloudevents/spec.
"""

from __future__ import annotations

from typing import Any

from serve_app.core.messages import Payload, Response
from serve_app.errors import BadEncoding
from serve_app.protocols import methods
from serve_app.protocols.bodies import json_body, rows, several_targets
from serve_app.protocols.dialect import ANY, ByPath, Call, Refusal, Reply

CLOUD_EVENT = "application/cloudevents+json"
_EVENT_TYPE = "io.kserve.inference.response"
_KEYS = ("instances", "inputs")


class KServeV1(ByPath):
    """Rows or small tables under `instances` or `inputs`; the predictions alone in the answer.

    A CloudEvent, whether its attributes stand in headers or in the body, is answered by one of
    the same kind.
    """

    name = "kserve_v1"
    media_types = ANY

    def decode(self, call: Call) -> Payload:
        """The columns of a body.

        Raises:
            BadEncoding: not JSON, or not of this shape.
            TooLarge: more than `max_rows` rows.
        """
        document = json_body.parse(call.body, nan=True)
        event = "headers" if "ce-specversion" in call.headers else ""
        if call.media_type == CLOUD_EVENT:
            event = "body"
            document = json_body.members(document, "data")
        key = next((key for key in _KEYS if key in document), None)
        if key is None:
            raise BadEncoding("the body has no key 'instances' and no key 'inputs'")
        columns, count = rows.of_instances(
            json_body.rows_under(document, key), call.names, call.max_rows, shaped=call.shaped
        )
        method = methods.of_parameters(json_body.members(document, "parameters"))
        return Payload(columns=columns, rows=count, form=event, method=method)

    def encode(self, response: Response) -> Reply:
        """`{"predictions": […]}`, by itself or within an event.

        Raises:
            InvalidInput: probabilities were asked of a model that gives none.
        """
        event = response.request.payload.form
        body = {"predictions": several_targets.answered(response, methods.answered(response))}
        if not event:
            return Reply(json_body.dump(body))
        about: dict[str, Any] = {
            "specversion": "1.0",
            "id": response.prediction_id,
            "source": f"io.kserve.inference.{response.request.endpoint}",
            "type": _EVENT_TYPE,
        }
        if event == "headers":
            headers = tuple((f"ce-{k}".encode(), v.encode()) for k, v in about.items())
            return Reply(json_body.dump(body), headers=headers)
        about["datacontenttype"] = "application/json"
        return Reply(json_body.dump({**about, "data": body}), CLOUD_EVENT.encode())


DIALECT = KServeV1()


def refuse(refusal: Refusal) -> Reply:
    """An error as KServe says it; FastAPI says for it that there is no such path."""
    if refusal.code == "no_such_path":
        return Reply(json_body.dump({"detail": "Not Found"}))
    endpoint = refusal.details.get("endpoint")
    if refusal.code == "not_found" and endpoint is not None and "version" not in refusal.details:
        refusal = refusal._replace(message=f"Model with name {endpoint} does not exist.")
    return json_body.only_error(refusal)
