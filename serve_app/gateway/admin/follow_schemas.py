"""The JSON schema of what came of following aliases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TEXTS: Mapping[str, Any] = {"type": "array", "items": {"type": "string"}}
FOLLOWED: Mapping[str, Any] = {
    "type": "object",
    "required": ["snapshot", "loaded", "waiting", "behind"],
    "additionalProperties": False,
    "properties": {
        "snapshot": {"type": "integer", "minimum": 0},
        "loaded": {**_TEXTS, "description": "Versions that answer, or stay loaded beside."},
        "waiting": {
            "type": "object",
            "additionalProperties": _TEXTS,
            "description": "Versions that endpoints follow once they answer, by endpoint.",
        },
        "behind": {**_TEXTS, "description": "Gateways that do not answer under it yet."},
    },
}
