"""What is wrong with values in whatever file they stand: places to fill in, names of ours, secrets.

Each rule goes through a whole document, and yields where something stands and what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from serve_app.documents.near_names import did_you_mean, nearest_names
from serve_app.documents.walk import LINE_BREAK, Path, at, items, keys, mapping, texts

Wrong = Iterator[tuple[Path, str]]
Rule = Callable[[Any], Wrong]
VARIABLES = (
    "SERVE_APP_MODEL", "SERVE_APP_REGISTRY", "SERVE_APP_STATE", "SERVE_APP_KEYS_FILE",
    "SERVE_APP_ACCESS", "SERVE_APP_TRUSTED_KEYS", "SERVE_APP_REQUIRE_SIGNED", "SERVE_APP_HOME",
    "SERVE_APP_CA_FILE", "SERVE_APP_RECORDS", "SERVE_APP_TOKEN", "SERVE_APP_ADMIN_PORT",
    "SERVE_APP_API_KEY", "SERVE_APP_API_KEY_FILE", "SERVE_APP_CLUSTER", "SERVE_APP_CONFIG",
    "SERVE_APP_DASHBOARDS", "SERVE_APP_MLFLOW_OUTBOX", "SERVE_APP_QUARANTINE_MEMORY_MIB",
    "SERVE_APP_QUARANTINE_TIME_S", "SERVE_APP_RUNS", "SERVE_APP_SERVER",
    "SERVE_APP_WEBHOOK_SECRET",
)  # fmt: skip
"""Those that a process of serve-app reads."""
HEALTH_PATHS = (
    "/-/healthz", "/health", "/ping", "/v2/health/live", "/v2/health/ready", "/v1/status",
)  # fmt: skip
"""What one process answers that is asked whether it lives, or is ready."""
_BEGINS = "SERVE_APP"
_TO_FILL_IN = re.compile(r"FILL_IN(?:_\w+)?")
_SECRET_NAME = re.compile(r"(?i)(password|passwd|secret|api_?key|access_?key)$")
_SECRETS = re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----")
_ELSEWHERE = re.compile(r"\{\{resolve:|\$\{|\$\(")
"""How a value begins that a cloud looks up."""
_IMAGE_KEYS = frozenset(("image", "Image", "imageUri", "ImageUri"))
_DIGEST = re.compile(r"@sha256:(?:[0-9a-f]{64}|FILL_IN_\w+)\Z")
_ENVIRONMENTS = frozenset(("Variables", "Environment", "environment_variables"))
_SCRIPTS = frozenset(("InlineCode", "Description", "annotations", "args", "command", "data"))
"""Below these a text of several lines is one, as it is meant."""
_ROUTES = re.compile(r"(?i)(probe|health_?route|(liveness|readiness)_route)$")
_COMMANDS = ("run", "serve", "cluster")


def unfilled(body: Any) -> Wrong:
    """What whoever wrote the file left to its user."""
    for path, text in texts(body):
        for place in _TO_FILL_IN.findall(text):
            yield path, f"{place} is to be filled in"


def variables(body: Any) -> Wrong:
    """Names of variables that serve-app reads: one that is misspelt is as good as none."""
    named = [(path, value) for path, value in texts(body) if str(path[-1]).lower() == "name"]
    for path, name in [*keys(body), *named]:
        if name.isupper() and "_" in name and name not in VARIABLES:
            near = nearest_names(name, VARIABLES)
            # Others' are named alike behind other beginnings.
            if near and did_you_mean(name[: len(_BEGINS)], (_BEGINS,)):
                yield path, f"serve-app reads no variable {name!r}. Did you mean {near[0]!r}?"


def images(body: Any) -> Wrong:
    """A tag is moved, a digest is not."""
    for path, text in texts(body):
        if path[-1] in _IMAGE_KEYS and "/" in text and not _DIGEST.search(text):
            yield path, f"{text!r} names no image by its digest; write NAME@sha256:DIGEST"


def secrets(body: Any) -> Wrong:
    """A secret is named, never written: these files are committed, copied and printed."""
    for path, text in texts(body):
        if _SECRETS.search(text):
            yield path, "holds a key; give a role to the function, or name a secret, instead"
    for path, name, value in _set(body):
        if _SECRET_NAME.search(name) and value and not _ELSEWHERE.match(value):
            yield path, f"{name} is a secret; name where it is kept, in place of its value"


def line_breaks(body: Any) -> Wrong:
    """A value is one line: in a second one, whoever chose it would write the file's."""
    for path, text in texts(body):
        if LINE_BREAK.search(text) and not _SCRIPTS & set(path):
            yield path, f"{text!r} has a line break, which no name, path or option may have"


def health_paths(body: Any) -> Wrong:
    """Paths that are nearly one that answers whether a process is ready."""
    for path, text in texts(body):
        if text.startswith("/") and any(_ROUTES.search(str(part)) for part in path):
            meant = did_you_mean(text, HEALTH_PATHS) if text not in HEALTH_PATHS else ""
            if meant:
                yield path, f"serve-app run answers no {text!r}.{meant}"


def commands(body: Any) -> Wrong:
    """The first word that the image's entry point is given, where it is nearly one of ours."""
    for path, name in keys(body):
        if name == "args":
            word = next(iter(items(at(body, path))), None)
            meant = did_you_mean(str(word), _COMMANDS) if word not in _COMMANDS else ""
            if meant:
                yield (*path, 0), f"serve-app has no command {word!r}.{meant}"


OF_ONE_PROCESS: tuple[Rule, ...] = (
    unfilled,
    variables,
    images,
    secrets,
    line_breaks,
    health_paths,
    commands,
)
"""For files whose container or function is `serve-app run`, or as good as that."""


def _set(body: Any) -> Iterable[tuple[Path, str, str]]:
    """Each variable that is given a value as it is: where, its name, the value."""
    for path, name in texts(body):
        if path[-1] == "name":
            value = mapping(at(body, path[:-1])).get("value")
            if isinstance(value, str):
                yield path[:-1], name, value
        elif _ENVIRONMENTS & set(path[-2:-1]):
            yield path, str(path[-1]), name
