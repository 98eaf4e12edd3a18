"""The JSON schemas of experiments in the admin API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from serve_app.core.experiment import Phase
from serve_app.gateway.admin.actions import ExperimentAction
from serve_app.monitoring.experiment.document import Outcome

Schema = Mapping[str, Any]

ACTION: Schema = {"enum": [*get_args(ExperimentAction)], "description": "What is to be done."}
_TEXT: Schema = {"type": "string"}
_LIST: Schema = {"type": "array", "items": {"type": "object"}}
_TIME: Schema = {"type": ["number", "null"], "description": "Seconds since 1970."}
_DECISION: Mapping[str, Schema] = {
    "outcome": {"enum": [*get_args(Outcome)]},
    "words": _TEXT,
    "reasons": {"type": "array", "items": _TEXT},
    "variant": {"type": ["string", "null"]},
    "progress": {"type": ["number", "null"], "description": "Of the needed sample."},
    "left_s": {"type": ["number", "null"]},
}
DECISION: Schema = {"type": "object", "properties": _DECISION, "required": [*_DECISION]}
_STATE: Mapping[str, Schema] = {
    "endpoint": _TEXT,
    "name": _TEXT,
    "phase": {"enum": [*get_args(Phase)]},
    "started_s": _TIME,
    "stopped_s": _TIME,
    "by": _TEXT,
    "why": _TEXT,
}
EXPERIMENT: Schema = {"type": "object", "properties": _STATE, "required": [*_STATE]}
"""Whether an experiment runs."""
LISTED: Schema = {
    "type": "object",
    "properties": {**_STATE, "decision": {"type": ["object", "null"]}},
    "required": [*_STATE, "decision"],
}
"""The same with the decision, null where the monitor does not answer."""
REPORT: Schema = {
    "type": "object",
    "properties": {
        "schema": {"type": "integer"},
        "endpoint": _TEXT,
        "name": _TEXT,
        "state": {"enum": [*get_args(Phase)]},
        "decision": DECISION,
        "traffic": _LIST,
        "metrics": _LIST,
        "ratio": {"type": ["object", "null"]},
        "plan": {"type": ["object", "null"]},
        "history": _LIST,
        "notes": {"type": "array", "items": _TEXT},
    },
    "required": ["schema", "endpoint", "name", "state", "decision", "traffic", "metrics"],
}
"""What an experiment has come to."""
