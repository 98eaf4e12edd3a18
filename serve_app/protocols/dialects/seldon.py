"""Seldon Core's first protocol: a SeldonMessage in, one of the same kind of data out.

https://docs.seldon.io/projects/seldon-core/en/v1.18/reference/apis/external-prediction.html
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from serve_app.core.columns import Array
from serve_app.core.feedback import Feedback, Outcome
from serve_app.core.messages import Payload, RawColumns, Response
from serve_app.core.violations import value_text
from serve_app.errors import BadEncoding, InvalidInput
from serve_app.protocols import methods
from serve_app.protocols.bodies import (
    column_names,
    feedback,
    forms,
    json_body,
    rows,
    several_targets,
)
from serve_app.protocols.bodies.feedback import ReceivedFeedback
from serve_app.protocols.dialect import FORM, JSON_TYPES, ByPath, Call, Refusal, Reply

_KINDS = ("ndarray", "tensor")


class Seldon(ByPath):
    """`data` with `names` and an `ndarray` or a `tensor`, or rows as `jsonData`.

    The message may stand in the field `json` of a form, as Seldon's own client sends it.

    Probabilities are answered where the model gives them, with the classes as `names`, and its
    values otherwise: as Seldon's own scikit-learn server does. Of several targets each column of
    probabilities is named by its target, or as `target=class`.
    """

    name = "seldon"
    media_types = JSON_TYPES | {FORM, forms.MULTIPART}

    def decode(self, call: Call) -> Payload:
        """The columns of a message.

        Raises:
            BadEncoding: it holds no data of a kind that is spoken here.
            InvalidInput: a row does not have one value per name.
            TooLarge: more than `max_rows` rows.
        """
        document = _message(call.body, call.headers)
        meta = json_body.members(document, "meta")
        if "jsonData" in document:
            kind, data = "jsonData", document["jsonData"]
            data = [data] if isinstance(data, dict) else data
            if not isinstance(data, list):
                raise BadEncoding(
                    f"'jsonData' must be rows, got {value_text(data)}", key="jsonData"
                )
            json_body.check_rows(len(data), call.max_rows)
            columns, count = rows.of_rows(data, call.names), len(data)
        else:
            kind, columns, count = _from_data(json_body.members(document, "data"), call)
        identity = meta.get("puid")
        return Payload(
            columns=columns,
            rows=count,
            keys=json_body.members(meta, "tags"),
            id=identity if isinstance(identity, str) else None,
            form=kind,
        )

    def encode(self, response: Response) -> Reply:
        """The answer in the kind of data that was sent.

        Its puid, which feedback gives back, is the request's own or else the prediction's id:
        Seldon's client makes its message from the fields of the answer, and cannot from tags.
        """
        answer, payload = response.answer, response.request.payload
        shares = answer.prediction.probabilities
        values = methods.flat(response, "Seldon's protocol") if shares is None else shares
        names = [f"t:{index}" for index in range(1 if values.ndim == 1 else values.shape[1])]
        if response.several is not None:
            output = response.several
            names = (
                several_targets.share_names(output)
                if shares is not None
                else several_targets.names(output)
            )
        elif shares is not None:
            names = [str(label) for label in response.labels]
        meta = {
            "puid": payload.id or response.prediction_id,
            "requestPath": dict.fromkeys(answer.variants, response.request.endpoint),
        }
        data = _data(payload.form, values, names)
        if (
            payload.form == "jsonData"
            and shares is not None
            and several_targets.is_split(response.several)
        ):
            data = {"jsonData": several_targets.probabilities(response)}
        return Reply(json_body.dump({"meta": meta, **data}))

    def refuse(self, refusal: Refusal) -> Reply:
        """Seldon's clients read `status`."""
        client = refusal.status < 500
        status = {
            "code": refusal.status,
            "status": "FAILURE",
            "info": refusal.message,
            "reason": "MICROSERVICE_BAD_DATA" if client else "MICROSERVICE_INTERNAL_ERROR",
        }
        return Reply(json_body.dump({"status": status, "meta": {"puid": refusal.request_id}}))


DIALECT = Seldon()


def decode_feedback(body: bytes, headers: Mapping[str, str]) -> ReceivedFeedback:
    """A message of Seldon's feedback: `{"request", "response", "reward", "truth"}`.

    The response that it gives back says which prediction is meant, by its puid, and who gave it;
    a `prediction_id` among its tags goes before the puid. Beside a response, a
    reward of 0 may be left out, as Protocol Buffers do, where there is no truth either.

    Raises:
        BadEncoding: it is not of this shape, or its truth is of a kind that is not read.
        InvalidInput: it says nothing of any prediction.
        TooLarge: the truth is very long.
    """
    document = _message(body, headers)
    response = json_body.members(document, "response")
    meta = json_body.members(response, "meta")
    path = json_body.members(meta, "requestPath")
    truth = _truth(json_body.members(document, "truth"))
    reward = feedback.reward(document)
    if reward is None and truth is None:
        if not response:
            msg = "feedback must have a 'reward', a 'truth', or the 'response' that it is about"
            raise InvalidInput(msg)
        reward = 0.0
    endpoints = [name for name in path.values() if isinstance(name, str)]
    return ReceivedFeedback(
        prediction_id=feedback.identity(json_body.members(meta, "tags"), "prediction_id")
        or feedback.identity(meta, "puid"),
        truth_json=truth,
        reward=reward,
        variants=feedback.checked_variants(list(path)),
        endpoint=endpoints[0] if endpoints else None,
    )


def encode_feedback(received: Feedback, outcome: Outcome) -> Reply:
    """An empty message, whose tags say what became of the feedback."""
    tags = {"prediction_id": received.prediction_id, "feedback": outcome}
    return Reply(json_body.dump({"meta": {"puid": received.request_id, "tags": tags}}))


def _truth(message: dict[str, Any]) -> str | None:
    """The values of a message as JSON, of whichever kind; none of an empty one."""
    data = json_body.members(message, "data")
    ndarray = data.get("ndarray") if "tensor" not in data else _rows(data["tensor"])
    values = [ndarray, *(message.get(kind) for kind in ("jsonData", "strData", "binData"))]
    truth = next((value for value in values if value is not None), None)
    if message and truth is None:
        known = "data with an ndarray or a tensor, jsonData, strData, binData"
        raise BadEncoding(f"'truth' must hold one of {known}", key="truth")
    return feedback.truth_json(truth)


def _message(body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    """The object that a body is, or that stands in the field `json` of a form."""
    form = forms.fields(body, headers.get("content-type", ""))
    document = json_body.parse(body) if form is None else forms.only(form, "json")
    if not isinstance(document, dict):
        raise BadEncoding(f"the message must be an object, got {value_text(document)}")
    return document


def _from_data(data: dict[str, Any], call: Call) -> tuple[str, RawColumns, int]:
    kinds = [kind for kind in _KINDS if kind in data]
    if len(kinds) != 1:
        msg = "the body must have 'data' with one of ndarray or tensor, or 'jsonData'"
        raise BadEncoding(msg, key="data")
    (kind,) = kinds
    given = data.get("names")
    names = (
        column_names.bound(column_names.checked(given, "names", call), call)
        if given
        else call.names
    )
    lists = data[kind] if kind == "ndarray" else _rows(data[kind])
    if not isinstance(lists, list) or not all(isinstance(row, list) for row in lists):
        raise BadEncoding(f"{kind!r} must hold rows of values", key=kind)
    json_body.check_rows(len(lists), call.max_rows)
    return kind, rows.of_lists(lists, names), len(lists)


def _rows(tensor: Any) -> list[list[Any]]:
    """The rows of `{"shape": [rows, columns], "values": [flat]}`."""
    shape = tensor.get("shape") if isinstance(tensor, dict) else None
    values = tensor.get("values") if isinstance(tensor, dict) else None
    if (
        not isinstance(shape, list)
        or not isinstance(values, list)
        or len(shape) != 2
        or not all(type(size) is int and size >= 0 for size in shape)
        or math.prod(shape) != len(values)
    ):
        msg = "'tensor' must have a 'shape' of [rows, columns] and so many 'values'"
        raise BadEncoding(msg, key="tensor")
    width = shape[1]
    return [values[start : start + width] for start in range(0, len(values), width or 1)]


def _data(kind: str, values: Array, names: Sequence[str]) -> dict[str, Any]:
    if kind == "jsonData":
        return {"jsonData": json_body.plain(values)}
    matrix = values[:, np.newaxis] if values.ndim == 1 and kind == "tensor" else values
    if kind == "tensor" and matrix.dtype.kind in "biuf":
        flat = json_body.plain(matrix.reshape(-1).astype(float))
        return {
            "data": {
                "names": list(names),
                "tensor": {"shape": list(matrix.shape), "values": flat},
            }
        }
    return {"data": {"names": list(names), "ndarray": json_body.plain(values)}}
