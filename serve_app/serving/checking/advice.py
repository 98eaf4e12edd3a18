"""What a config may say and better did not."""

from collections.abc import Iterator

from serve_app.config import ControlSettings
from serve_app.config.assignment import AssignmentSettings
from serve_app.routing.hashing import hash_named

Path_ = tuple[str | int, ...]


def advice(declared: ControlSettings) -> Iterator[tuple[Path_, str]]:
    """What speaks against the hashes by which endpoints assign: the keys, and why."""
    for name, endpoint in declared.endpoints.items():
        assignment = getattr(endpoint.route, "assignment", None)
        if isinstance(assignment, AssignmentSettings):
            path = ("endpoints", name, "route", "assignment", "hash")
            yield from _of_hash(path, assignment.hash)


def _of_hash(path: Path_, name: str) -> Iterator[tuple[Path_, str]]:
    against = hash_named(name).advice
    if against is not None:
        yield path, f"{name}: {against}"
