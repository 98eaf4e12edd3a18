"""How an endpoint is asked in other systems' words, filled with a row of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from serve_app.console.endpoint_view import MOST_FIELDS, Snippet, by_curl
from serve_app.core.signature import Signature
from serve_app.gateway.docs import in_other_words
from serve_app.gateway.openapi.schemas import EndpointDescription, v2_example


def dialects_of(
    address: str,
    endpoint: Mapping[str, Any],
    row: Mapping[str, Any],
    *,
    proves: bool,
    is_only: bool,
) -> list[Snippet]:
    """A request in each protocol, for a shell; of very wide rows in none, and of tensors in V2.

    `endpoint` is as the admin API tells of it, `address` where clients reach it; `is_only` says
    that there is no other endpoint.
    """
    signature, name = Signature.from_json(endpoint["signature"]), endpoint["name"]
    if len(row) > MOST_FIELDS:
        return []
    description = EndpointDescription(name, signature.inputs, signature.output, (), "", example=row)
    bodies = [("Open Inference Protocol V2", f"/v2/models/{name}/infer", v2_example(description))]
    if signature.output.kind != "tensors":
        bodies += in_other_words(name, [dict(row)], is_only=is_only)
    return [
        Snippet(
            title,
            by_curl(f"{address}{path}", orjson.dumps(body, default=str).decode(), proves=proves),
        )
        for title, path, body in bodies
    ]
