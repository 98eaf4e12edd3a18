"""The project's own JSON of an explained answer: that of the answer, with its reasons."""

from __future__ import annotations

from typing import Any

from serve_app.core.columns import Array
from serve_app.core.explanation import Explanation
from serve_app.core.messages import Response
from serve_app.protocols.bodies import json_body
from serve_app.protocols.dialect import Reply
from serve_app.protocols.dialects.native import DIALECT


def encode(response: Response, explanation: Explanation, prepared_by: str | None) -> Reply:
    """What `:predict` answers, and under `explanations` what each row's answer is made of.

    Base, output and each contribution are a number, or one for each class where there are several.

    Raises:
        InvalidInput: probabilities were asked of a model that gives none.
    """
    body = DIALECT.document(response)
    body["explanations"] = _rows(explanation)
    body["space"] = explanation.space
    body["method"] = "+".join(explanation.methods)
    if len(explanation.classes) == 1:
        body["explained_class"] = explanation.classes[0]
    if prepared_by is not None:
        body["columns_of"] = prepared_by
    return Reply(json_body.dump(body))


def _rows(explanation: Explanation) -> list[dict[str, Any]]:
    names, outputs = _named_outputs(explanation), explanation.outputs
    rows = []
    for row in range(explanation.rows):
        parts = explanation.contributions[row]
        rows.append(
            {
                "base_value": _numbers(explanation.base[row], names),
                "contributions": {
                    feature: _numbers(parts[place], names)
                    for place, feature in enumerate(explanation.features)
                },
                "output": _numbers(outputs[row], names),
            }
        )
    return rows


def _named_outputs(explanation: Explanation) -> list[str] | None:
    """What several outputs are called as keys of JSON; none where there is one."""
    count = explanation.base.shape[1]
    if count == 1:
        return None
    if not explanation.classes:
        return [str(place) for place in range(count)]
    return [
        str(label).lower() if isinstance(label, bool) else str(label)
        for label in explanation.classes
    ]


def _numbers(numbers: Array, names: list[str] | None) -> Any:
    values = numbers.tolist()
    return values[0] if names is None else dict(zip(names, values, strict=True))
