"""The JSON schemas of rollouts in the admin API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from serve_app.core.rollout import Phase
from serve_app.gateway.admin.actions import RolloutAction

Schema = Mapping[str, Any]

ACTION: Schema = {"enum": [*get_args(RolloutAction)], "description": "What is to be done."}
_TEXT: Schema = {"type": "string"}
_SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
_TIME: Schema = {"type": ["number", "null"], "description": "Seconds since 1970."}
_MEMBERS: Mapping[str, Schema] = {
    "endpoint": _TEXT,
    "stable": _TEXT,
    "candidate": _TEXT,
    "start": {"type": ["string", "null"], "description": "When it begins: `at once`, `by hand`."},
    "phase": {"enum": [*get_args(Phase)]},
    "shares": {"type": "array", "items": _SHARE, "description": "The candidate's, by step."},
    "step": {"type": "integer", "minimum": 0},
    "share": {**_SHARE, "description": "The candidate's now."},
    "began_s": _TIME,
    "since_s": _TIME,
    "why": _TEXT,
    "requests": {"type": "object", "description": "By version, since the weights changed last."},
    "waiting": {"type": "array", "items": _TEXT},
    "last": {"type": ["object", "null"], "description": "What was decided last, and each gate."},
}
ROLLOUT: Schema = {
    "type": "object",
    "properties": {**_MEMBERS, "behind": {"type": "array", "items": _TEXT}},
    "required": [*_MEMBERS],
}
