"""The project's own JSON: rows in under `instances`, one answer per row under `predictions`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import chain
from operator import itemgetter
from typing import Any

from serve_app.core.messages import MISSING, Payload, RawColumns, Response
from serve_app.core.violations import shortened, told
from serve_app.errors import BadEncoding, InvalidInput
from serve_app.protocols import json_body
from serve_app.protocols.dialect import Call, Reply

_OWN_KEYS = frozenset({"instances", "id", "parameters"})
_MAX_STRAY_NAMES = 100


class NativeJson:
    """`{"instances": [{"age": 63, …}, …]}`, or rows as lists in the order of the schema.

    Every other key of the body, and those of an object `parameters`, is a key of the
    payload.
    """

    name = "native"
    media_types = frozenset({"application/json", "text/json", ""})

    def decode(self, call: Call) -> Payload:
        """The columns of a body; cells that a row object lacks are `MISSING`.

        Raises:
            BadEncoding: the body is not JSON, or not of this shape.
            InvalidInput: a row does not have one value per column.
            TooLarge: more than `max_rows` rows.
        """
        document = json_body.parse(call.body)
        if "instances" not in document:
            msg = "the body has no key 'instances'; send {\"instances\": [{column: value, …}, …]}"
            raise BadEncoding(msg, key="instances")
        instances = document["instances"]
        if not isinstance(instances, list):
            raise BadEncoding(
                f"'instances' must be a list of rows, got {told(instances)}", key="instances"
            )
        json_body.check_rows(len(instances), call.max_rows)
        keys = json_body.members(document, "parameters")
        return Payload(
            columns=_columns(instances, call.names),
            rows=len(instances),
            keys={**keys, **{k: v for k, v in document.items() if k not in _OWN_KEYS}},
            id=json_body.identity(document),
        )

    def encode(self, response: Response) -> Reply:
        """The answer as JSON; what does not apply to it is left out."""
        answer = response.answer
        prediction = answer.prediction
        body: dict[str, Any] = {"predictions": json_body.plain(prediction.values)}
        if prediction.probabilities is not None:
            body["probabilities"] = json_body.plain(prediction.probabilities)
            body["classes"] = list(response.labels)
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
        return Reply(json_body.dump(body))


DIALECT = NativeJson()


def _columns(instances: list[Any], columns: Sequence[str]) -> RawColumns:
    kinds = set(map(type, instances))
    if kinds == {dict}:
        return _from_objects(instances, columns)
    if kinds == {list}:
        return _from_lists(instances, columns)
    if not kinds:
        return {}
    kind = type(instances[0])
    expected: dict[type, str] = {dict: "an object as row 0 is", list: "a list as row 0 is"}
    row = next(i for i, r in enumerate(instances) if type(r) is not kind or kind not in expected)
    msg = (
        f"instances[{row}] must be {expected.get(kind, 'an object or a list of values')}, "
        f"got {told(instances[row])}"
    )
    raise BadEncoding(msg, row=row)


def _from_lists(instances: list[list[Any]], columns: Sequence[str]) -> RawColumns:
    width = len(columns)
    if set(map(len, instances)) != {width}:
        row = next(i for i, values in enumerate(instances) if len(values) != width)
        msg = (
            f"instances[{row}] has {len(instances[row])} values, "
            f"but this endpoint takes {width} columns"
        )
        raise InvalidInput(msg, row=row, expected=width, got=len(instances[row]))
    return dict(zip(columns, zip(*instances, strict=True), strict=True))


def _from_objects(instances: list[dict[str, Any]], columns: Sequence[str]) -> RawColumns:
    first = instances[0]
    if len(instances) == 1:
        return {name: (value,) for name, value in first.items()}
    if len(first) > 1 and set(map(len, instances)) == {len(first)}:
        # Of equal size, and each has all names of the first: then all have the same names.
        try:
            rows = list(map(itemgetter(*first), instances))
        except KeyError:
            return _from_ragged(instances, columns)
        return dict(zip(first, zip(*rows, strict=True), strict=True))
    return _from_ragged(instances, columns)


def _from_ragged(instances: list[dict[str, Any]], columns: Sequence[str]) -> RawColumns:
    names: Mapping[str, None] = dict.fromkeys(chain.from_iterable(instances))
    stray = names.keys() - set(columns)
    if len(stray) > _MAX_STRAY_NAMES:
        # Each name costs one cell per row, so a small body could ask for very many.
        msg = (
            f"the rows name {len(stray)} columns that this endpoint does not have, "
            f"among them {shortened(min(stray))!r}"
        )
        raise InvalidInput(msg, unknown=len(stray))
    return {name: [row.get(name, MISSING) for row in instances] for name in names}
