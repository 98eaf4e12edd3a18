"""The JSON schemas of what the admin API takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serve_app.gateway.admin import actions, key_schemas, request_schemas
from serve_app.gateway.admin.experiment_schemas import EXPERIMENT, LISTED, REPORT
from serve_app.gateway.admin.rollout_schemas import ROLLOUT

Schema = Mapping[str, Any]

TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": "integer", "minimum": 1}
_OBJECT: Schema = {"type": "object"}
WATCHED: Schema = {"type": "object", "required": ["endpoint"], "properties": {"endpoint": TEXT}}
_OBJECT_OR_NULL: Schema = {"type": ["object", "null"]}
_BOOLEAN: Schema = {"type": "boolean"}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
_NUMBER_OR_NULL: Schema = {"type": ["number", "null"]}
_TEXTS: Schema = {"type": "array", "items": TEXT}
_VERSION: Schema = {"type": ["integer", "null"], "description": "Null where it names none."}
_SECONDS: Schema = {"type": "number", "exclusiveMinimum": 0}
CHANGE: Schema = {
    "by": {**TEXT, "description": "Who changes it."},
    "reason": {**TEXT, "description": "Why."},
}
WITHIN: Schema = {
    "within_s": {
        **_SECONDS,
        "description": "What is not in effect within so many seconds is put back; 180 by default.",
    }
}
EXPECTED: Schema = {
    "type": ["integer", "null"],
    "description": "Move it only where it names this version now; null: none.",
}
WEIGHTS: Schema = {
    "type": "object",
    "additionalProperties": {"type": "number"},
    "minProperties": 1,
    "examples": [{"diagnosis-xgb@1": 90, "diagnosis-linear@1": 10}],
}
_REFERENCE: Schema = {
    **TEXT,
    "description": "A model for its newest version, or model@3, or model@champion.",
    "examples": ["diagnosis-xgb@1"],
}
ENDPOINT: Schema = {
    "model": _REFERENCE,
    "placement": {"enum": ["inline", "replicas"], "default": "inline"},
    "preprocess": _REFERENCE,
    "fallback": _REFERENCE,
    "timeout_s": {**_SECONDS, "description": "How long a request may take; 10 by default."},
    "allow_pickle": {**_BOOLEAN, "description": "Load pickles, in replicas: they can run code."},
    **WITHIN,
    **CHANGE,
}

RECEIVER: Schema = {
    "type": ["string", "null"],
    "description": "The name of a receiver of alerts; null for all of them.",
}
DAYS: Schema = {"type": "integer", "minimum": 1, "maximum": 400 * 86_400, "default": 86_400}
"""How long ago, in seconds."""
WEEK: Schema = {**DAYS, "default": 7 * 86_400}


def ref(name: str) -> Schema:
    """A reference to one of the schemas below."""
    return {"$ref": f"#/components/schemas/{name}"}


def up_to(most: int) -> Schema:
    """A number of things, at most so many."""
    return {"type": "integer", "minimum": 1, "maximum": most, "default": min(100, most)}


def members(properties: Mapping[str, Schema], *, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """An object of these members, which are all there but for the optional ones."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": dict(properties), "required": required}


def _listed(items: Schema) -> Schema:
    return {"type": "array", "items": items}


_ENDPOINTS: Schema = {
    "snapshot": COUNT,
    "endpoints": _listed(ref("Endpoint")),
    "aliases": _OBJECT,
    "waiting": _OBJECT,
    "set_at_run_time": _OBJECT,
}
_COUNTS: Schema = {"total": COUNT, "truths": COUNT, "rewards": COUNT}

COMPONENTS: Schema = {
    "Error": members(
        {"code": TEXT, "message": TEXT, "request_id": TEXT, "details": _OBJECT},
        optional=("details",),
    ),
    "Server": members({"name": TEXT, "version": TEXT, "docs": TEXT}),
    "Status": members(
        {
            "applications": _listed(ref("Deployment")),
            **_ENDPOINTS,
            "request_ways": {"type": "object", "additionalProperties": TEXT},
            "not_in_effect": _TEXTS, "failing": _TEXTS,
        },
        optional=("aliases", "waiting", "set_at_run_time", "request_ways"),
    ),
    "Deployment": members(
        {
            "application": TEXT, "deployment": TEXT, "status": TEXT, "replicas": COUNT,
            "target_replicas": COUNT, "wanted_replicas": COUNT, "why": TEXT,
            "changes": _listed(_OBJECT), "min_replicas": {"type": ["integer", "null"]},
            "max_replicas": {"type": ["integer", "null"]}, "message": TEXT,
        }
    ),
    "Applications": members(
        {"applications": {"type": "object", "additionalProperties": ref("Application")}}
    ),
    "Application": members(
        {
            "status": TEXT,
            "message": TEXT,
            "deployments": {
                "type": "object",
                "additionalProperties": members(
                    {"status": TEXT, "message": TEXT, "replicas": _listed(ref("Replica"))}
                ),
            },
        }
    ),
    "Replica": members(
        {"id": TEXT, "state": TEXT, "node": _TEXT_OR_NULL, "process": _VERSION}
    ),
    "Scaling": members(
        {"deployments": _OBJECT, "cpus": _NUMBER_OR_NULL, "cpus_free": _NUMBER_OR_NULL}
    ),
    "Endpoints": members(_ENDPOINTS),
    "Endpoint": members(
        {
            "name": TEXT, "route": TEXT,
            "variants": _listed(members({"version": TEXT, "weight": {"type": "number"}})),
            "placement": TEXT, "fallback": _TEXT_OR_NULL, "preprocess": _OBJECT_OR_NULL,
            "cache": _OBJECT_OR_NULL, "timeout_s": _SECONDS, "signature": _OBJECT,
        }
    ),
    "Weights": members(
        {
            "snapshot": COUNT, "endpoint": TEXT, "weights": WEIGHTS,
            "waiting": _TEXTS, "behind": _TEXTS,
        }
    ),
    "Loads": request_schemas.LOADS, "Requests": request_schemas.REQUESTS, "Rollout": ROLLOUT,
    "Experiment": EXPERIMENT,
    "ListedExperiment": LISTED,
    "ExperimentReport": REPORT,
    **key_schemas.COMPONENTS,
    "Change": members(
        {
            "id": TEXT,
            "kind": {"enum": [*actions.CHANGES]},
            "endpoint": TEXT,
            "state": {"enum": ["waiting", "running", "done", "failed"]},
            "progress": {**TEXT, "description": "What is going on, or is missing, in words."},
            "version": {**_TEXT_OR_NULL, "description": "Who answers, once that is known."},
            "by": TEXT,
            "reason": TEXT,
            "began_at_s": {"type": "number", "description": "Seconds since 1970."},
            "ended_at_s": _NUMBER_OR_NULL,
            "error": {"anyOf": [members({"code": TEXT, "message": TEXT}), {"type": "null"}]},
        }
    ),
    "Model": members(
        {
            "model": TEXT, "versions": _listed(NUMBER), "newest": NUMBER, "flavour": TEXT,
            "gives": TEXT, "metrics": _OBJECT,
            "aliases": {"type": "object", "additionalProperties": NUMBER},
        }
    ),
    "Version": {
        "type": "object",
        "required": ["name", "version", "flavour", "signature", "created_at", "created_by"],
        "description": "A manifest, as `serve-app models show --json` prints it.",
    },
    "Deleted": members({"deleted": _TEXTS}),
    "Move": members(
        {
            "model": TEXT, "alias": TEXT, "version": _VERSION, "previous": _VERSION,
            "moved_at": TEXT, "by": TEXT, "reason": _TEXT_OR_NULL,
        },
        optional=("model",),
    ),
    "Event": members(
        {
            "id": COUNT, "at_s": {"type": "number", "description": "Seconds since 1970."},
            "who": TEXT, "kind": TEXT, "subject": TEXT, "why": TEXT, "before": {}, "after": {},
        }
    ),
    "Feedback": members(
        {
            "endpoint": TEXT, "variants": _TEXTS, **_COUNTS, "reward": _NUMBER_OR_NULL,
            "pending": COUNT, "matched": COUNT, "unmatched": COUNT,
        }
    ),
    "Drift": members(
        {
            "endpoint": TEXT, "version": TEXT, "window_start_s": COUNT, "window_s": NUMBER,
            "rows": COUNT,
            "alarms": {"type": "array", "items": members({"name": TEXT, "what": TEXT})},
            "features": {"type": "array", "items": ref("DriftVerdict")},
            "predictions": {"type": "array", "items": ref("DriftVerdict")},
        }
    ),
    "Quality": members(
        {
            "endpoint": TEXT, "since_s": {"type": "number"}, "variants": _TEXTS,
            "labelled": COUNT, "left_out": COUNT, "metrics": _OBJECT,
            "coverage": _NUMBER_OR_NULL, "expected_share": _NUMBER_OR_NULL,
            "still_expected": _NUMBER_OR_NULL, "mature": _BOOLEAN, "reason": TEXT,
            "segments": _listed(
                members(
                    {
                        "column": TEXT, "value": TEXT, "labelled": COUNT, "metrics": _OBJECT,
                        "worse": _TEXTS,
                    }
                )
            ),
        }
    ),
    "Concept": members(
        {
            "endpoint": TEXT, "detectors": _TEXTS, "not_watched": _TEXT_OR_NULL,
            "labels_within_s": _NUMBER_OR_NULL, "watched_until_s": _NUMBER_OR_NULL,
            "rows": {"type": "object", "additionalProperties": COUNT}, "late": COUNT,
            "left_out": COUNT, "unit_rows_needed": COUNT,
            "unit_rows": {"type": "object", "additionalProperties": COUNT},
            "standing": _listed(members({"variant": TEXT, "stream": TEXT})),
            "changes": _listed(
                members(
                    {
                        "endpoint": TEXT, "variant": TEXT, "stream": TEXT,
                        "at_s": {"type": "number"}, "row_id": TEXT, "detector": TEXT,
                        "level": TEXT, "rows": COUNT, "error_before": {"type": "number"},
                        "error_now": {"type": "number"},
                        "direction": {"enum": ["rising", "falling"]},
                    }
                )
            ),
        }
    ),
    "Estimate": members(
        {
            "endpoint": TEXT, "version": TEXT, "window_s": NUMBER, "assumes": TEXT,
            "not_estimated": _TEXT_OR_NULL, "alarms": _TEXTS, "reference": _OBJECT,
            "series": _listed(members({"metric": TEXT, "points": _listed(_OBJECT)})),
            "windows": _listed(
                members(
                    {
                        "start_s": COUNT, "rows": COUNT, "metrics": _OBJECT, "bounds": _OBJECT,
                        "worse": _TEXTS, "realised": _OBJECT,
                        "labelled": {"type": ["integer", "null"]}, "coverage": _NUMBER_OR_NULL,
                        "mature": {"type": ["boolean", "null"]},
                    }
                )
            ),
        }
    ),
    "AlertFinding": members(
        {
            "kind": TEXT, "endpoint": TEXT, "variants": TEXT, "subject": TEXT, "text": TEXT,
            "severity": {"enum": ["warning", "critical"]}, "value": _NUMBER_OR_NULL,
            "threshold": _NUMBER_OR_NULL, "since_s": _NUMBER_OR_NULL,
        }
    ),
    "Alerts": members(
        {
            "findings": {"type": "array", "items": ref("AlertFinding")},
            "receivers": {
                "type": "array",
                "items": members(
                    {
                        "receiver": TEXT, "kind": TEXT, "waiting": COUNT,
                        "sent": {"type": "array", "items": ref("AlertMessage")},
                    }
                ),
            },
        }
    ),
    "AlertMessage": members(
        {
            "id": TEXT, "at_s": {"type": "number"}, "endpoint": TEXT,
            "status": {"enum": ["firing", "resolved"]}, "findings": COUNT,
            "result": {"enum": ["sent", "failed", "dropped"]}, "error": _TEXT_OR_NULL,
        }
    ),
    "AlertTest": members(
        {
            "receiver": TEXT, "kind": TEXT, "result": {"enum": ["sent", "failed"]},
            "error": _TEXT_OR_NULL,
        }
    ),
    "DriftVerdict": members(
        {
            "name": TEXT, "kind": TEXT, "rows": COUNT, "distance": TEXT,
            "threshold": {"type": "number"}, "distances": _OBJECT,
            "statistic": _NUMBER_OR_NULL, "degrees": COUNT, "p": _NUMBER_OR_NULL,
            "adjusted_p": _NUMBER_OR_NULL, "not_judged": _TEXT_OR_NULL, "drifted": _BOOLEAN,
            "rates": _OBJECT,
        }
    ),
    "Finding": members(
        {
            "kind": TEXT, "endpoint": TEXT, "variants": TEXT, "subject": TEXT, "text": TEXT,
            "severity": {"enum": ["warning", "critical"]}, "value": _NUMBER_OR_NULL,
            "threshold": _NUMBER_OR_NULL,
        }
    ),
    "Report": members(
        {
            "schema": {"const": 1, "description": "It grows when a member changes its meaning."},
            "made_s": {"type": "number", "description": "Seconds since 1970, as all times."},
            "since_s": {"type": "number"}, "window_s": NUMBER,
            "findings": _listed(ref("Finding")),
            "sections": _listed(
                members(
                    {
                        "endpoint": TEXT, "variants": TEXT, "rows": COUNT,
                        "drift": _OBJECT_OR_NULL, "no_drift": TEXT, "quality": _OBJECT_OR_NULL,
                    }
                )
            ),
            "health": _OBJECT, "left_out": _TEXTS,
        }
    ),
    "FeedbackRecord": members(
        {
            "number": NUMBER, "endpoint": TEXT, "prediction_id": _TEXT_OR_NULL,
            "key": _TEXT_OR_NULL, "row": {"type": ["integer", "null"]}, "variants": _TEXTS,
            "truth": {}, "reward": _NUMBER_OR_NULL, "request_id": TEXT,
            "received_at_s": {"type": "number"}, "known_at_s": {"type": "number"},
            "state": {"enum": ["pending", "matched", "unmatched"]}, "why": TEXT,
        }
    ),
}  # fmt: skip
