"""The JSON schema of an explained answer."""

from __future__ import annotations

from typing import get_args

from serve_app.core.explanation import ExplanationMethod, Space
from serve_app.gateway.openapi import answers
from serve_app.gateway.openapi.schemas import JSON, EndpointDescription

EXPLAINED = frozenset({"classification", "multilabel", "regression"})
"""The kinds of output of which explanations can be had."""
_NUMBER: JSON = {"type": "number"}


def answer(endpoint: EndpointDescription) -> JSON:
    """The body of an explained answer: that of an answer, and its reasons."""
    body = answers.answer(endpoint)
    by_output: JSON = {"type": "object", "additionalProperties": _NUMBER}
    # Of two classes most models give one number: what speaks for one speaks against the other.
    several = len(endpoint.output.labels) > 1 or endpoint.output.width > 1
    number: JSON = {"anyOf": [_NUMBER, by_output]} if several else _NUMBER
    row: JSON = {
        "type": "object",
        "required": ["base_value", "contributions", "output"],
        "properties": {
            "base_value": {
                "description": "The output without any feature, or by output where there are "
                "several.",
                **number,
            },
            "contributions": {
                "description": "What each feature adds to it.",
                "type": "object",
                "additionalProperties": number,
            },
            "output": {"description": "What base and contributions add up to.", **number},
        },
    }
    body["required"] = [*body["required"], "explanations", "space", "method"]
    body["properties"] |= {
        "explanations": {"description": "One per row.", "type": "array", "items": row},
        "space": {
            "description": "What contributions add up to: what is predicted, its logarithm or "
            "log odds, or a raw score of the model's own.",
            "enum": list(get_args(Space)),
        },
        "method": {
            "description": "How they were computed; several of an ensemble, with + between.",
            "type": "string",
            "pattern": f"^({'|'.join(get_args(ExplanationMethod))})(\\+[a-z_]+)*$",
        },
        "explained_class": {"description": "The class that is explained, where it is one alone."},
        "columns_of": {
            "description": "The version that made the explained columns of what was sent.",
            "type": "string",
        },
    }
    return body
