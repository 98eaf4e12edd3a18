"""The paths of the admin API: each stands here once, and all else is made of this table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from serve_app.gateway.admin import experiment_schemas, key_schemas, schemas
from serve_app.gateway.admin.follow_schemas import FOLLOWED
from serve_app.gateway.admin.rollout_schemas import ACTION
from serve_app.gateway.admin.schemas import Schema, ref

PREFIX = "/v1/admin"
MAX_EVENTS = 1000
MAX_RECORDS = 1000
Access = Literal["see", "change"]
"""What a caller must be allowed to: to look, or to change what answers."""


@dataclass(frozen=True, slots=True)
class AdminPath:
    """One method of one path.

    `handler` is the method of `pages.AdminPages` that answers, `status` what it answers with.
    `action` is what callers must be allowed, on the endpoint that the path or its query names, or
    else on all of them.
    `body` has the members of a change's body, `required` those that must be there.
    """

    method: str
    path: str
    handler: str
    action: str
    summary: str
    answer: Schema
    access: Access = "see"
    status: int = 200
    body: Mapping[str, Schema] | None = None
    required: tuple[str, ...] = ()
    query: Mapping[str, Schema] = field(default_factory=dict)

    @property
    def whole(self) -> str:
        """The path as clients ask for it."""
        return PREFIX + self.path


def _list(name: str, items: Schema) -> dict[str, Any]:
    return schemas.members({name: {"type": "array", "items": items}})


_ENDPOINT = "/endpoints/{endpoint}"
_VERSION = "/models/{model}/versions/{version}"
_ALIAS = "/models/{model}/aliases/{alias}"
_FEEDBACK = "/feedback"

PATHS: tuple[AdminPath, ...] = (
    AdminPath(
        "GET", "", "root", "read:metadata",
        "The name and version of this server.", ref("Server"),
    ),
    AdminPath(
        "GET", "/openapi.json", "openapi", "read:metadata",
        "This document.", {"type": "object"},
    ),
    AdminPath(
        "GET", "/status", "status", "read:metadata",
        "What runs and is in effect in the whole cluster.",
        ref("Status"),
    ),
    AdminPath(
        "GET", "/applications", "applications", "read:metadata",
        "Applications, their deployments and replicas.",
        ref("Applications"),
    ),
    AdminPath(
        "GET", "/scaling", "scaling", "read:metadata",
        "What the autoscaler decided, and the CPUs there are.",
        ref("Scaling"),
    ),
    AdminPath(
        "GET", "/endpoints", "endpoints", "read:metadata",
        "All endpoints with their variants and weights.",
        ref("Endpoints"),
    ),
    AdminPath(
        "POST", "/endpoints", "add_endpoint", "admin:endpoints",
        "Add an endpoint of one version. It takes a while: the answer names a change to look at.",
        ref("Change"), "change", 202, {"name": schemas.TEXT, **schemas.ENDPOINT},
        ("name", "model"),
    ),
    AdminPath(
        "GET", _ENDPOINT, "endpoint", "read:metadata",
        "One endpoint: its route, variants and columns.",
        ref("Endpoint"),
    ),
    AdminPath(
        "PUT", _ENDPOINT, "put_endpoint", "admin:endpoints",
        "Add an endpoint of one version, or let it take the place of the one of its name.",
        ref("Change"), "change", 202, schemas.ENDPOINT, ("model",),
    ),
    AdminPath(
        "DELETE", _ENDPOINT, "remove_endpoint", "admin:endpoints",
        "Remove an endpoint, and the applications that only it needs.",
        ref("Change"), "change", 202, {**schemas.WITHIN, **schemas.CHANGE},
    ),
    AdminPath(
        "PUT", f"{_ENDPOINT}/weights", "set_weights", "admin:weights",
        "Change weights of an endpoint's variants until the next deploy.",
        ref("Weights"), "change", 200, {"weights": schemas.WEIGHTS, **schemas.CHANGE},
        ("weights",),
    ),
    AdminPath(
        "GET", "/requests", "loads", "read:metrics",
        "How often endpoints are asked now, by all gateways, and how fast they are.",
        ref("Loads"),
    ),
    AdminPath(
        "GET", f"{_ENDPOINT}/requests", "requests", "read:metrics",
        "How often it was asked in the last half an hour, by all gateways, and how fast it was.",
        ref("Requests"),
    ),
    AdminPath(
        "GET", "/rollouts", "rollouts", "read:metadata",
        "How far candidates of canaries are, what was decided last, and why.",
        _list("rollouts", ref("Rollout")),
    ),
    AdminPath(
        "PUT", f"{_ENDPOINT}/rollout", "move_rollout", "admin:weights",
        "Start, pause, resume, promote or roll back the candidate of a canary.",
        ref("Rollout"), "change", 200, {"action": ACTION, **schemas.CHANGE},
        ("action",),
    ),
    AdminPath(
        "GET", "/experiments", "experiments", "read:metrics",
        "Whether the experiments of endpoints run, and what their reports decide.",
        _list("experiments", ref("ListedExperiment")),
    ),
    AdminPath(
        "GET", f"{_ENDPOINT}/experiment", "experiment", "read:metrics",
        "What the experiment of an endpoint has come to: traffic, metrics, decision and reasons.",
        ref("ExperimentReport"),
    ),
    AdminPath(
        "PUT", f"{_ENDPOINT}/experiment", "move_experiment", "admin:weights",
        "Start or stop the experiment of an endpoint.",
        ref("Experiment"), "change", 200, {"action": experiment_schemas.ACTION, **schemas.CHANGE},
        ("action",),
    ),
    AdminPath(
        "GET", "/changes", "changes", "read:metadata",
        "Changes of endpoints under way or ended, the newest first.",
        _list("changes", ref("Change")),
    ),
    AdminPath(
        "GET", "/changes/{change}", "change", "read:metadata",
        "How far a change is.", ref("Change"),
    ),
    AdminPath(
        "GET", "/models", "models", "read:metadata", "All models with their versions and aliases.",
        _list("models", ref("Model")),
    ),
    AdminPath(
        "GET", "/models/{model}", "model", "read:metadata",
        "One model with its versions and aliases.",
        ref("Model"),
    ),
    AdminPath(
        "DELETE", "/models/{model}", "delete_model", "admin:models",
        "Delete all versions of a model, unless an alias or an endpoint needs one.",
        ref("Deleted"), "change", 200, schemas.CHANGE,
    ),
    AdminPath(
        "GET", _VERSION, "version", "read:metadata",
        "The manifest of a version, by its number or an alias.", ref("Version"),
    ),
    AdminPath(
        "GET", f"{_VERSION}/profile", "profile", "read:metrics",
        "What the columns of its training looked like: counts by bin or name, and statistics.",
        {"type": "object"},
    ),
    AdminPath(
        "DELETE", _VERSION, "delete_version", "admin:models",
        "Delete a version, unless an alias or an endpoint needs it.",
        ref("Deleted"), "change", 200, schemas.CHANGE,
    ),
    AdminPath(
        "GET", "/models/{model}/aliases", "aliases", "read:metadata",
        "Every move of every alias of a model.",
        _list("moves", ref("Move")),
    ),
    AdminPath(
        "PUT", _ALIAS, "move_alias", "admin:models", "Let an alias name another version.",
        ref("Move"), "change", 200,
        {"version": schemas.NUMBER, "expected": schemas.EXPECTED, **schemas.CHANGE}, ("version",),
    ),
    AdminPath(
        "DELETE", _ALIAS, "remove_alias", "admin:models", "Remove an alias; its history stays.",
        ref("Move"), "change", 200, {"expected": schemas.EXPECTED, **schemas.CHANGE},
    ),
    AdminPath(
        "PUT", "/aliases", "follow_aliases", "admin:models",
        "Let endpoints follow at once what was moved in the registry itself.",
        FOLLOWED, "change", 200, schemas.CHANGE,
    ),
    AdminPath(
        "GET", "/keys", "keys", "admin:keys",
        "Every API key: whose it is, what it grants, how it stands.",
        _list("keys", ref("Key")),
    ),
    AdminPath(
        "POST", "/keys", "create_key", "admin:keys",
        "Make an API key; nobody can show it again.",
        ref("NewKey"), "change", 201, {**key_schemas.ORDER, **schemas.CHANGE},
        ("principal", "scopes"),
    ),
    AdminPath(
        "POST", "/keys/{key}/rotate", "rotate_key", "admin:keys",
        "Make a key that may do the same, and let this one end.",
        ref("NewKey"), "change", 201, {**key_schemas.OVERLAP, **schemas.CHANGE},
    ),
    AdminPath(
        "DELETE", "/keys/{key}", "revoke_key", "admin:keys",
        "Revoke a key, for ever.",
        ref("ChangedKey"), "change", 200, schemas.CHANGE,
    ),
    AdminPath(
        "GET", "/events", "events", "read:audit",
        "What was changed, by whom and why; the newest first.",
        _list("events", ref("Event")),
        query={
            "limit": schemas.up_to(MAX_EVENTS), "kind": schemas.TEXT, "subject": schemas.TEXT,
        },
    ),
    AdminPath(
        "GET", "/drift", "drift", "read:metrics",
        "What the last judged window of each version says of its rows and predictions.",
        _list("drift", ref("Drift")), query={"endpoint": schemas.TEXT},
    ),
    AdminPath(
        "GET", "/quality", "quality", "read:metrics",
        "How good the answers of the last `within_s` seconds were, where their truth is known.",
        _list("quality", ref("Quality")),
        query={"endpoint": schemas.TEXT, "within_s": schemas.DAYS},
    ),
    AdminPath(
        "GET", "/concept", "concept", "read:metrics",
        "Whether labelled rows became wrong more often, with the changes of the last `within_s`.",
        _list("concept", ref("Concept")),
        query={"endpoint": schemas.TEXT, "within_s": schemas.DAYS},
    ),
    AdminPath(
        "GET", "/estimate", "estimate", "read:metrics",
        "Estimated quality of the windows of the last `within_s`, beside what came true of them.",
        _list("estimate", ref("Estimate")),
        query={"endpoint": schemas.TEXT, "within_s": schemas.DAYS},
    ),
    AdminPath(
        "GET", "/watches/{kind}", "watch", "read:metrics",
        "What the monitor's watch of a kind knows, such as `multivariate`, `outliers`, `domain`, "
        "`attribution`, `data_quality`, `callers`, `shadow` or `experiment`, each with fields of "
        "its own.",
        _list("results", schemas.WATCHED),
        query={"endpoint": schemas.TEXT, "within_s": schemas.DAYS},
    ),
    AdminPath(
        "GET", "/alerts", "alerts", "read:metrics",
        "What is wrong now, and what receivers were sent last.",
        ref("Alerts"),
    ),
    AdminPath(
        "POST", "/alerts/test", "test_alerts", "admin:endpoints",
        "Send a test message to a receiver of alerts, or to all where it is null.",
        _list("results", ref("AlertTest")), "change", 200,
        {"receiver": schemas.RECEIVER}, ("receiver",),
    ),
    AdminPath(
        "GET", "/findings", "findings", "read:metrics",
        "What the monitor says is wrong now, whatever watches it.",
        _list("findings", ref("Finding")), query={"endpoint": schemas.TEXT},
    ),
    AdminPath(
        "GET", "/report", "report", "read:metrics",
        "All that the monitor saw in the last `within_s` seconds. It may take a minute.",
        ref("Report"), query={"endpoint": schemas.TEXT, "within_s": schemas.WEEK},
    ),
    AdminPath(
        "GET", _FEEDBACK, "feedback", "read:metrics",
        "How much feedback there is, by endpoint and variants.",
        _list("feedback", ref("Feedback")), query={"endpoint": schemas.TEXT},
    ),
    AdminPath(
        "GET", f"{_FEEDBACK}/records", "feedback_records", "read:records",
        "Feedback as it was received, the oldest first; `after` is the number of the last one.",
        _list("records", ref("FeedbackRecord")),
        query={
            "endpoint": schemas.TEXT, "after": schemas.COUNT, "limit": schemas.up_to(MAX_RECORDS),
        },
    ),
)  # fmt: skip
