"""Members of JSON that clients of other systems send: what is missing or unknown, by its name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from serve_app.errors import InvalidInput


def only(
    document: Mapping[str, Any],
    where: str,
    known: Collection[str],
    not_done: Mapping[str, str] | None = None,
) -> None:
    """Return where all members are known; of those that are `not_done` is said why.

    Raises:
        InvalidInput: one is not.
    """
    reasons = not_done or {}
    for name in document:
        if name in reasons:
            raise InvalidInput(f"{where}.{name} is not done here: {reasons[name]}")
        if name not in known:
            listed = ", ".join(sorted(known))
            raise InvalidInput(f"{where} has {name[:80]!r}, which is unknown here; known: {listed}")


def object_under(
    document: Mapping[str, Any], name: str, otherwise: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The object under a name, `otherwise` where it is not given.

    Raises:
        InvalidInput: it is none, or it is not given and has to be.
    """
    value = document.get(name)
    if value is None and otherwise is not None:
        return otherwise
    if not isinstance(value, dict):
        raise InvalidInput(f"{name} must be an object")
    return value
