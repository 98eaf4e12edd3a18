"""The pages of the console: each stands here once, and routes and access tests are made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

PREFIX = "/console"
STATIC = frozenset({"style", "report_style", "htmx", "idiomorph"})
"""The handlers of what never changes while a gateway runs."""
Access = Literal["public", "see", "ask", "change"]
"""`ask` is a prediction: it changes nothing, and needs no reason."""


@dataclass(frozen=True, slots=True)
class ConsolePath:
    """One method of one page.

    `handler` is the method of `changes.ConsoleChanges` or of a class of pages that answers it; what
    the admin API does as well has the API's name. `action` is what callers must be allowed,
    on the endpoint that the path names or else on all of them.
    """

    method: str
    path: str
    handler: str
    action: str
    access: Access = "see"
    query: Mapping[str, Any] = field(default_factory=dict)

    @property
    def whole(self) -> str:
        """The path as browsers ask for it."""
        return PREFIX + self.path


_ENDPOINT = "/endpoints/{endpoint}"
_MODEL = "/models/{model}"
_JOB = "/jobs/{job}"
_RETRAINING = "/approvals/{run}"

PATHS: tuple[ConsolePath, ...] = (
    ConsolePath("GET", "", "home", "read:metadata"),
    ConsolePath("GET", "/style.css", "style", "", "public"),
    ConsolePath("GET", "/report.css", "report_style", "", "public"),
    ConsolePath("GET", "/htmx.js", "htmx", "", "public"),
    ConsolePath("GET", "/idiomorph.js", "idiomorph", "", "public"),
    ConsolePath("GET", "/login", "login_form", "", "public"),
    ConsolePath("POST", "/login", "login", "", "public"),
    ConsolePath("GET", "/login/start", "login_start", "", "public"),
    ConsolePath("GET", "/login/return", "login_return", "", "public"),
    ConsolePath("POST", "/logout", "logout", "", "public"),
    ConsolePath("GET", _ENDPOINT, "endpoint", "read:metadata"),
    ConsolePath("POST", f"{_ENDPOINT}/weights", "set_weights", "admin:weights", "change"),
    ConsolePath("POST", f"{_ENDPOINT}/try", "try_row", "predict", "ask"),
    ConsolePath("GET", "/models", "models", "read:metadata"),
    ConsolePath("GET", _MODEL, "model", "read:metadata"),
    ConsolePath("POST", f"{_MODEL}/aliases", "move_alias", "admin:models", "change"),
    ConsolePath("POST", f"{_MODEL}/freeze", "freeze", "admin:models", "change"),
    ConsolePath("GET", f"{_MODEL}/compare", "compare", "read:metadata"),
    ConsolePath("GET", f"{_MODEL}/versions/{{version}}", "version", "read:metadata"),
    ConsolePath("GET", "/rollouts", "rollouts", "read:metadata"),
    ConsolePath("POST", f"{_ENDPOINT}/rollout", "move_rollout", "admin:weights", "change"),
    ConsolePath("GET", "/experiments", "experiments", "read:metrics"),
    ConsolePath("GET", f"{_ENDPOINT}/experiment", "experiment", "read:metrics"),
    ConsolePath("POST", f"{_ENDPOINT}/experiment", "move_experiment", "admin:weights", "change"),
    ConsolePath("GET", "/monitoring", "monitoring", "read:metrics"),
    ConsolePath("GET", "/monitoring/{endpoint}", "monitored", "read:metrics"),
    ConsolePath("GET", "/runs", "runs", "read:metadata"),
    ConsolePath("GET", "/runs/{run}", "run", "read:metadata"),
    ConsolePath("POST", "/runs/{run}/cancel", "cancel_run", "admin:models", "change"),
    ConsolePath("GET", "/approvals", "approvals", "read:metadata"),
    ConsolePath("GET", _RETRAINING, "retraining", "read:metadata"),
    ConsolePath("POST", f"{_RETRAINING}/decision", "decide", "admin:models", "change"),
    ConsolePath("POST", f"{_RETRAINING}/cancel", "cancel_retraining", "admin:models", "change"),
    ConsolePath("GET", "/jobs", "jobs", "read:jobs"),
    ConsolePath("GET", _JOB, "job", "read:jobs"),
    ConsolePath("GET", f"{_JOB}/manifest", "manifest", "read:jobs"),
    ConsolePath("POST", f"{_JOB}/resume", "resume_job", "admin:jobs", "change"),
    ConsolePath("POST", f"{_JOB}/cancel", "cancel_job", "admin:jobs", "change"),
    ConsolePath("GET", "/cluster", "cluster", "read:metadata"),
    ConsolePath("GET", "/history", "events", "read:audit"),
    ConsolePath("GET", "/audit", "audit", "read:audit"),
)
