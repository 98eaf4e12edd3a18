"""Descriptions of endpoints as former versions of this package wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def with_route(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an endpoint that was written when routes had no settings of their own."""
    fields = dict(body)
    route = {"kind": fields.pop("kind"), "variants": fields.pop("variants")}
    settings = {name: fields.pop(name) for name in ("key", "combine", "quorum")}
    if settings["combine"] is None:
        del settings["quorum"]
    given = {name: value for name, value in settings.items() if value is not None}
    return {**fields, "route": {**route, "settings": given}}
