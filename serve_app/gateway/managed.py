"""Why management calls change nothing: what is declared, what is not there, what failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from serve_app import errors
from serve_app.errors import Conflict, NotFound, NotPermitted, ServeError, ServerFault


def declared(endpoint: str) -> NotPermitted:
    """That an endpoint is declared in what was deployed, and what would let requests change it."""
    msg = (
        f"{endpoint[:80]!r} is declared in what was deployed, and requests do not change it: "
        "deploy another config, or let it say `managed: true`"
    )
    return NotPermitted(msg)


def no_version(endpoint: str, version: str) -> NotFound:
    """That a version of an endpoint's model is not registered."""
    msg = f"endpoint {endpoint[:80]!r} has no version {version[:80]!r} in the registry"
    return NotFound(msg, endpoint=endpoint[:80], version=version[:80])


def unknown(endpoint: str, model: str | None) -> NotFound:
    """That there is no such endpoint, or no such version where it was to answer."""
    if model is None:
        return NotFound(f"there is no endpoint {endpoint[:80]!r}", endpoint=endpoint[:80])
    return NotFound(f"there is no {model[:160]!r} in the registry")


def failed(error: Mapping[str, Any]) -> ServeError:
    """Why a change failed: what is wrong with what was asked is the client's to mend."""
    code, message = str(error.get("code", "")), str(error.get("message", "the change failed"))
    if code == errors.ConfigError.code:
        return Conflict(message)
    for kind in _subclasses(ServeError):
        if kind.code == code and issubclass(kind, errors.ClientError | errors.Unavailable):
            return kind(message)
    return ServerFault(message)


def _subclasses(kind: type[ServeError]) -> Iterable[type[ServeError]]:
    for one in kind.__subclasses__():
        yield one
        yield from _subclasses(one)
