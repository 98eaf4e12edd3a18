"""The paths of the admin API: each stands here once, and all else is made of this table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from serve_app.gateway.admin import experiment_schemas, key_schemas, schemas
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
    `body` has the members of a change's body, `required` those that must be there.
    """

    method: str
    path: str
    handler: str
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
    AdminPath("GET", "", "root", "The name and version of this server.", ref("Server")),
    AdminPath("GET", "/openapi.json", "openapi", "This document.", {"type": "object"}),
    AdminPath(
        "GET", "/status", "status", "What runs and is in effect in the whole cluster.",
        ref("Status"),
    ),
    AdminPath(
        "GET", "/applications", "applications", "Applications, their deployments and replicas.",
        ref("Applications"),
    ),
    AdminPath(
        "GET", "/scaling", "scaling", "What the autoscaler decided, and the CPUs there are.",
        ref("Scaling"),
    ),
    AdminPath(
        "GET", "/endpoints", "endpoints", "All endpoints with their variants and weights.",
        ref("Endpoints"),
    ),
    AdminPath(
        "POST", "/endpoints", "add_endpoint",
        "Add an endpoint of one version. It takes a while: the answer names a change to look at.",
        ref("Change"), "change", 202, {"name": schemas.TEXT, **schemas.ENDPOINT},
        ("name", "model"),
    ),
    AdminPath(
        "GET", _ENDPOINT, "endpoint", "One endpoint: its route, variants and columns.",
        ref("Endpoint"),
    ),
    AdminPath(
        "PUT", _ENDPOINT, "put_endpoint",
        "Add an endpoint of one version, or let it take the place of the one of its name.",
        ref("Change"), "change", 202, schemas.ENDPOINT, ("model",),
    ),
    AdminPath(
        "DELETE", _ENDPOINT, "remove_endpoint",
        "Remove an endpoint, and the applications that only it needs.",
        ref("Change"), "change", 202, {**schemas.WITHIN, **schemas.CHANGE},
    ),
    AdminPath(
        "PUT", f"{_ENDPOINT}/weights", "set_weights",
        "Change weights of an endpoint's variants until the next deploy.",
        ref("Weights"), "change", 200, {"weights": schemas.WEIGHTS, **schemas.CHANGE},
        ("weights",),
    ),
    AdminPath(
        "GET", "/rollouts", "rollouts",
        "How far candidates of canaries are, what was decided last, and why.",
        _list("rollouts", ref("Rollout")),
    ),
    AdminPath(
        "PUT", f"{_ENDPOINT}/rollout", "move_rollout",
        "Start, pause, resume, promote or roll back the candidate of a canary.",
        ref("Rollout"), "change", 200, {"action": ACTION, **schemas.CHANGE},
        ("action",),
    ),
    AdminPath(
        "GET", "/experiments", "experiments",
        "Whether the experiments of endpoints run, and what their reports decide.",
        _list("experiments", ref("ListedExperiment")),
    ),
    AdminPath(
        "GET", f"{_ENDPOINT}/experiment", "experiment",
        "What the experiment of an endpoint has come to: traffic, metrics, decision and reasons.",
        ref("ExperimentReport"),
    ),
    AdminPath(
        "PUT", f"{_ENDPOINT}/experiment", "move_experiment",
        "Start or stop the experiment of an endpoint.",
        ref("Experiment"), "change", 200, {"action": experiment_schemas.ACTION, **schemas.CHANGE},
        ("action",),
    ),
    AdminPath(
        "GET", "/changes", "changes", "Changes of endpoints under way or ended, the newest first.",
        _list("changes", ref("Change")),
    ),
    AdminPath("GET", "/changes/{change}", "change", "How far a change is.", ref("Change")),
    AdminPath(
        "GET", "/models", "models", "All models with their versions and aliases.",
        _list("models", ref("Model")),
    ),
    AdminPath(
        "GET", "/models/{model}", "model", "One model with its versions and aliases.",
        ref("Model"),
    ),
    AdminPath(
        "DELETE", "/models/{model}", "delete_model",
        "Delete all versions of a model, unless an alias or an endpoint needs one.",
        ref("Deleted"), "change", 200, schemas.CHANGE,
    ),
    AdminPath(
        "GET", _VERSION, "version",
        "The manifest of a version, by its number or an alias.", ref("Version"),
    ),
    AdminPath(
        "DELETE", _VERSION, "delete_version",
        "Delete a version, unless an alias or an endpoint needs it.",
        ref("Deleted"), "change", 200, schemas.CHANGE,
    ),
    AdminPath(
        "GET", "/models/{model}/aliases", "aliases", "Every move of every alias of a model.",
        _list("moves", ref("Move")),
    ),
    AdminPath(
        "PUT", _ALIAS, "move_alias", "Let an alias name another version.",
        ref("Move"), "change", 200,
        {"version": schemas.NUMBER, "expected": schemas.EXPECTED, **schemas.CHANGE}, ("version",),
    ),
    AdminPath(
        "DELETE", _ALIAS, "remove_alias", "Remove an alias; its history stays.",
        ref("Move"), "change", 200, {"expected": schemas.EXPECTED, **schemas.CHANGE},
    ),
    AdminPath(
        "GET", "/keys", "keys", "Every API key: whose it is, what it grants, how it stands.",
        _list("keys", ref("Key")),
    ),
    AdminPath(
        "POST", "/keys", "create_key", "Make an API key; nobody can show it again.",
        ref("NewKey"), "change", 201, {**key_schemas.ORDER, **schemas.CHANGE},
        ("principal", "scopes"),
    ),
    AdminPath(
        "POST", "/keys/{key}/rotate", "rotate_key",
        "Make a key that may do the same, and let this one end.",
        ref("NewKey"), "change", 201, {**key_schemas.OVERLAP, **schemas.CHANGE},
    ),
    AdminPath(
        "DELETE", "/keys/{key}", "revoke_key", "Revoke a key, for ever.",
        ref("ChangedKey"), "change", 200, schemas.CHANGE,
    ),
    AdminPath(
        "GET", "/events", "events", "What was changed, by whom and why; the newest first.",
        _list("events", ref("Event")),
        query={
            "limit": schemas.up_to(MAX_EVENTS), "kind": schemas.TEXT, "subject": schemas.TEXT,
        },
    ),
    AdminPath(
        "GET", "/drift", "drift",
        "What the last judged window of each version says of its rows and predictions.",
        _list("drift", ref("Drift")), query={"endpoint": schemas.TEXT},
    ),
    AdminPath(
        "GET", "/quality", "quality",
        "How good the answers of the last `within_s` seconds were, where their truth is known.",
        _list("quality", ref("Quality")),
        query={"endpoint": schemas.TEXT, "within_s": schemas.DAYS},
    ),
    AdminPath(
        "GET", "/concept", "concept",
        "Whether labelled rows became wrong more often, with the changes of the last `within_s`.",
        _list("concept", ref("Concept")),
        query={"endpoint": schemas.TEXT, "within_s": schemas.DAYS},
    ),
    AdminPath(
        "GET", "/estimate", "estimate",
        "Estimated quality of the windows of the last `within_s`, beside what came true of them.",
        _list("estimate", ref("Estimate")),
        query={"endpoint": schemas.TEXT, "within_s": schemas.DAYS},
    ),
    AdminPath(
        "GET", "/watches/{kind}", "watch",
        "What the monitor's watch of a kind knows, such as `multivariate`, `outliers`, `domain`, "
        "`attribution`, `data_quality`, `callers`, `shadow` or `experiment`, each with fields of "
        "its own.",
        _list("results", schemas.WATCHED),
        query={"endpoint": schemas.TEXT, "within_s": schemas.DAYS},
    ),
    AdminPath(
        "GET", "/alerts", "alerts", "What is wrong now, and what receivers were sent last.",
        ref("Alerts"),
    ),
    AdminPath(
        "POST", "/alerts/test", "test_alerts",
        "Send a test message to a receiver of alerts, or to all where it is null.",
        _list("results", ref("AlertTest")), "change", 200,
        {"receiver": schemas.RECEIVER}, ("receiver",),
    ),
    AdminPath(
        "GET", "/findings", "findings", "What the monitor says is wrong now, whatever watches it.",
        _list("findings", ref("Finding")), query={"endpoint": schemas.TEXT},
    ),
    AdminPath(
        "GET", "/report", "report",
        "All that the monitor saw in the last `within_s` seconds. It may take a minute.",
        ref("Report"), query={"endpoint": schemas.TEXT, "within_s": schemas.WEEK},
    ),
    AdminPath(
        "GET", _FEEDBACK, "feedback", "How much feedback there is, by endpoint and variants.",
        _list("feedback", ref("Feedback")), query={"endpoint": schemas.TEXT},
    ),
    AdminPath(
        "GET", f"{_FEEDBACK}/records", "feedback_records",
        "Feedback as it was received, the oldest first; `after` is the number of the last one.",
        _list("records", ref("FeedbackRecord")),
        query={
            "endpoint": schemas.TEXT, "after": schemas.COUNT, "limit": schemas.up_to(MAX_RECORDS),
        },
    ),
)  # fmt: skip
