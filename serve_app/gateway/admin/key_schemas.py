"""The JSON schemas of API keys in the admin API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

DAY_S = 86_400.0
_TEXT: Schema = {"type": "string"}
_TEXTS: Schema = {"type": "array", "items": _TEXT}
_TIME: Schema = {"type": ["number", "null"], "description": "Seconds since 1970."}
_DETAIL: Schema = {
    **_TEXT,
    "description": "How exactly it is told what models say: full, rounded(2), top1; empty where "
    "the config says that.",
}
_SECONDS: Schema = {"type": "number", "minimum": 0}
ORDER: Mapping[str, Schema] = {
    "principal": {**_TEXT, "description": "Who uses it.", "examples": ["billing"]},
    "scopes": {
        **_TEXTS,
        "minItems": 1,
        "description": "What it may do.",
        "examples": [["predict", "feedback:churn"]],
    },
    "tenant": {**_TEXT, "description": "For whom."},
    "endpoints": {**_TEXTS, "minItems": 1, "description": "Where; `*` stands for any text."},
    "not_before_s": _TIME,
    "expires_at_s": _TIME,
    "detail": _DETAIL,
}
OVERLAP: Mapping[str, Schema] = {
    "overlap_s": {
        **_SECONDS,
        "default": DAY_S,
        "description": "How long both are valid; a day by default.",
    }
}
_MEMBERS: Mapping[str, Schema] = {
    "id": _TEXT,
    "principal": _TEXT,
    "tenant": _TEXT,
    "scopes": _TEXTS,
    "endpoints": _TEXTS,
    "not_before_s": _TIME,
    "expires_at_s": _TIME,
    "created_at_s": {"type": "number"},
    "created_by": _TEXT,
    "disabled_at_s": _TIME,
    "detail": _DETAIL,
}
_BEHIND: Mapping[str, Schema] = {
    "behind": {**_TEXTS, "description": "Gateways that do not know of it yet."}
}


def _object(members: Mapping[str, Schema]) -> Schema:
    return {"type": "object", "properties": dict(members), "required": [*members]}


_KEY: Schema = _object({**_MEMBERS, "state": {"enum": ["valid", "not yet", "expired", "revoked"]}})
_CHANGED: Schema = _object({**_MEMBERS, **_BEHIND})
_NEW: Schema = _object({**_MEMBERS, "key": {**_TEXT, "description": "Shown this once."}, **_BEHIND})
COMPONENTS: Mapping[str, Schema] = {"Key": _KEY, "ChangedKey": _CHANGED, "NewKey": _NEW}
