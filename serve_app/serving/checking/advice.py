"""What a config may say and better did not."""

import re
from collections.abc import Iterator
from typing import Any

from serve_app.config import ControlSettings
from serve_app.config.assignment import AssignmentSettings
from serve_app.documents.walk import texts
from serve_app.redaction import has_secret
from serve_app.routing.hashing import hash_named

Path_ = tuple[str | int, ...]
_SEEN = "where all see it who may look at Ray's dashboard"
_BEFORE = "set it in the environment that the cluster is started in"
_SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|PRIVATE|(?:API|ACCESS|LICENSE)_?KEY$")


def advice(declared: ControlSettings) -> Iterator[tuple[Path_, str]]:
    """What speaks against the hashes by which endpoints assign: the keys, and why."""
    for name, endpoint in declared.endpoints.items():
        assignment = getattr(endpoint.route, "assignment", None)
        if isinstance(assignment, AssignmentSettings):
            path = ("endpoints", name, "route", "assignment", "hash")
            yield from _of_hash(path, assignment.hash)


def secrets_in(body: Any) -> Iterator[tuple[Path_, str]]:
    """Secrets that stand in a config itself: where, and what to do."""
    for path, text in texts(body):
        name = str(path[-1]) if path else ""
        if has_secret(text):
            yield path, f"a password or key stands here, {_SEEN}; {_instead(path)}"
        elif "env_vars" in path and _SECRET_NAME.search(name) and text:
            yield path, f"this variable looks like a secret, {_SEEN}; {_BEFORE}"


def _instead(path: Path_) -> str:
    if path[-1] in {"state", "records", "url"}:
        return "write {env: NAME} or {file: PATH} in its place"
    if path[-1] == "registry":
        return "write {url: {env: NAME}} or {url: {file: PATH}} in its place"
    return _BEFORE


def _of_hash(path: Path_, name: str) -> Iterator[tuple[Path_, str]]:
    against = hash_named(name).advice
    if against is not None:
        yield path, f"{name}: {against}"
