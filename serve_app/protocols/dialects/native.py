"""The project's own JSON: rows in under `instances`, one answer per row under `predictions`.

TensorFlow Serving's and KServe's first protocol are within it: what their clients send to
`:predict` is understood, and what they read is in the answer.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from serve_app.core.messages import Payload, Response
from serve_app.errors import BadEncoding
from serve_app.protocols import methods
from serve_app.protocols.bodies import json_body, rows, several_targets
from serve_app.protocols.dialect import FORM, JSON_TYPES, ByPath, Call, Reply

_OWN_KEYS = frozenset({"instances", "inputs", "id", "parameters", "signature_name"})
_SEND = 'send {"instances": [{column: value, …}, …]}'


class NativeJson(ByPath):
    """`{"instances": [{"age": 63, …}, …]}`, or rows as lists in the order of the schema.

    A row object may be a small table, `{"age": [63, 41], …}`, as KServe reads it. Or columns,
    `{"inputs": {"age": [63, …], …}}`: then the predictions stand under `outputs` too,
    where TensorFlow Serving's clients look for the answer to columns. Its `signature_name`
    `predict_proba` or `raw_scores` makes those the predictions. An answer about several targets
    names them under `targets`. Every other key of the body, and
    those of an object `parameters`, is a key of the payload.
    """

    name = "native"
    media_types = JSON_TYPES | {FORM, "application/octet-stream"}

    def decode(self, call: Call) -> Payload:
        """The columns of a body; cells that a row object lacks are `MISSING`.

        Raises:
            BadEncoding: the body is not JSON, or not of this shape.
            InvalidInput: a row does not have one value per column.
            TooLarge: more than `max_rows` rows.
        """
        document = json_body.parse(call.body)
        by_column = "inputs" in document
        if by_column:
            if "instances" in document:
                msg = "the body has both 'instances' (rows) and 'inputs' (columns); send one"
                raise BadEncoding(msg, key="inputs")
            columns, count = rows.of_columns(document["inputs"], call.names, call.max_rows)
            json_body.check_rows(count, call.max_rows)
        else:
            columns, count = rows.of_instances(
                _instances(document), call.names, call.max_rows, shaped=call.shaped
            )
        keys = json_body.members(document, "parameters")
        return Payload(
            columns=columns,
            rows=count,
            keys={**keys, **{k: v for k, v in document.items() if k not in _OWN_KEYS}},
            id=json_body.identity(document),
            form=by_column,
            method=methods.of_signature(document),
        )

    def encode(self, response: Response) -> Reply:
        """The answer as JSON; what does not apply to it is left out.

        Raises:
            InvalidInput: probabilities were asked of a model that gives none.
        """
        return Reply(json_body.dump(self.document(response)))

    def document(self, response: Response) -> dict[str, Any]:
        """The answer as `json_body.dump` writes it; raises as `encode` does."""
        answer = response.answer
        prediction = answer.prediction
        body: dict[str, Any] = {
            "predictions": several_targets.answered(response, methods.answered(response))
        }
        if prediction.probabilities is not None:
            body["probabilities"] = several_targets.probabilities(response)
        body.update(several_targets.about(response))
        if prediction.tensors is not None:
            body["outputs"] = {
                name: json_body.plain(array) for name, array in prediction.tensors.items()
            }
        elif response.request.payload.form:
            body["outputs"] = body["predictions"]
        body["endpoint"] = response.request.endpoint
        body["variants"] = list(answer.variants)
        body["snapshot"] = response.snapshot_version
        body["prediction_id"] = response.prediction_id
        body["request_id"] = response.request.id
        if response.request.payload.id is not None:
            body["id"] = response.request.payload.id
        if answer.fallback:
            body["fallback"] = True
        if answer.left_out:
            body["left_out"] = [asdict(failure) for failure in answer.left_out]
        if response.warnings:
            body["warnings"] = [asdict(warned) for warned in response.warnings]
        return body


DIALECT = NativeJson()


def _instances(document: dict[str, Any]) -> list[Any]:
    if "instances" not in document:
        raise BadEncoding(f"the body has no key 'instances'; {_SEND}", key="instances")
    return json_body.rows_under(document, "instances")
