"""The JSON schema of how often an endpoint is asked, in the admin API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

_COUNT: Schema = {"type": "integer", "minimum": 0}
_RATE: Schema = {"type": "number", "minimum": 0}
_LATENCIES: Mapping[str, Schema] = {
    name: {"type": ["number", "null"], "description": "Seconds; null where nothing was asked."}
    for name in ("p50_s", "p99_s")
}


def _members(properties: Mapping[str, Schema]) -> Schema:
    return {"type": "object", "properties": properties, "required": [*properties]}


_MOMENT: Schema = _members(
    {
        "at_s": {"type": "integer", "description": "Its beginning, in seconds since 1970."},
        "requests": _COUNT,
        "faults": {**_COUNT, "description": "Those of this side."},
        "refused": {**_COUNT, "description": "Those that had no answer for another reason."},
        **_LATENCIES,
    }
)
_VERSION: Schema = _members({"requests_per_s": _RATE, **_LATENCIES})
NOW: Schema = _members(
    {
        "seconds": {"type": "integer", "description": "Of so many, until `until_s`."},
        "requests_per_s": _RATE,
        "faults_per_s": _RATE,
        "refused_per_s": _RATE,
        **_LATENCIES,
        "versions": {"type": "object", "additionalProperties": _VERSION},
        "stages": {
            "type": "object",
            "additionalProperties": _members({"rows_per_s": _RATE}),
            "description": "Rows that stages of a cascade were asked about.",
        },
    }
)
REQUESTS: Schema = _members(
    {
        "endpoint": {"type": "string"},
        "since_s": {"type": "integer", "description": "What came earlier is not known."},
        "until_s": {"type": "integer"},
        "step_s": {"type": "integer", "description": "How long each moment is."},
        "versions": {
            "type": "object",
            "additionalProperties": _COUNT,
            "description": "Requests that each answered in all of this time.",
        },
        "now": NOW,
        "moments": {
            "type": "array",
            "items": _MOMENT,
            "description": "Those in which anything was asked.",
        },
    }
)
LOADS: Schema = _members({"endpoints": {"type": "object", "additionalProperties": NOW}})
