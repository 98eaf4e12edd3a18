"""JSON schemas of feedback, of one item and of lists, and of what is answered."""

from __future__ import annotations

from typing import get_args

from serve_app.core.feedback import Outcome
from serve_app.gateway.openapi.schemas import JSON, ref
from serve_app.protocols.bodies import feedback

_OUTCOMES = get_args(Outcome)
_NAME: JSON = {
    "minLength": 1,
    "maxLength": feedback.MAX_ID_CHARACTERS,
    "not": {"type": "string", "pattern": r"[\x00-\x1f\x7f-\x9f]"},
}
ITEM: JSON = {
    "type": "object",
    "allOf": [
        {
            "anyOf": [
                {"required": ["truth"], "properties": {"truth": {"not": {"type": "null"}}}},
                {"required": ["reward"], "properties": {"reward": {"type": "number"}}},
            ]
        },
        {
            "anyOf": [
                {"properties": {"row": {"type": "null"}}},
                {
                    "required": ["prediction_id"],
                    "properties": {"prediction_id": {"type": "string"}},
                },
            ]
        },
    ],
    "properties": {
        "prediction_id": {
            "description": "The one that the answer told. It goes before a key.",
            "type": ["string", "null"],
            **_NAME,
        },
        "key": {
            "description": "The value of the endpoint's key column in the row that is meant; of "
            "several rows the newest before `label_at_s`, or before now.",
            "type": ["string", "integer", "null"],
            "minimum": -feedback.MAX_KEY,
            "maximum": feedback.MAX_KEY,
            **_NAME,
        },
        "row": {
            "description": "The row of the prediction that the truth is about; all without it.",
            "type": ["integer", "null"],
            "minimum": 0,
            "maximum": feedback.MAX_ROW,
        },
        "label_at_s": {
            "description": "When the truth became known, in seconds since 1970; of several truths "
            "the newest stands.",
            "type": ["number", "null"],
            "minimum": 0,
            "maximum": feedback.MAX_AT_S,
        },
        "truth": {
            "description": "What was right, one value per row; where answers are about several "
            "targets, one list per row with a value for each of them."
        },
        "reward": {
            "description": "How good the prediction was; more is better.",
            "type": ["number", "null"],
            "minimum": -feedback.MAX_REWARD,
            "maximum": feedback.MAX_REWARD,
        },
        "variants": {
            "description": "Those of the answer.",
            "type": ["array", "null"],
            "items": {"type": "string", "maxLength": feedback.MAX_ID_CHARACTERS},
            "maxItems": feedback.MAX_VARIANTS,
        },
    },
}
ANSWER: JSON = {
    "type": "object",
    "required": ["endpoint", "prediction_id", "outcome", "request_id"],
    "properties": {
        "endpoint": {"type": "string"},
        "prediction_id": {"type": ["string", "null"]},
        "outcome": {
            "description": "New, added to what was known of the prediction, put in the place of "
            "another value, known already, or older than what stands.",
            "enum": list(_OUTCOMES),
        },
        "request_id": {"type": "string"},
        "key": {"type": "string"},
    },
}
LIST: JSON = {
    "type": "object",
    "required": ["feedback"],
    "properties": {"feedback": {"type": "array", "minItems": 1, "items": ref("Feedback")}},
}
LIST_ANSWER: JSON = {
    "type": "object",
    "required": ["endpoint", "kept", "counts", "outcomes", "refused", "request_id"],
    "properties": {
        "endpoint": {"type": "string"},
        "kept": {"type": "integer"},
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
        "outcomes": {
            "description": "What became of each item; null of those that were refused.",
            "type": "array",
            "items": {"enum": [*_OUTCOMES, None]},
        },
        "refused": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["index", "error", "error_code"],
                "properties": {
                    "index": {"type": "integer"},
                    "error": {"type": "string"},
                    "error_code": {"type": "string"},
                },
            },
        },
        "request_id": {"type": "string"},
    },
}
