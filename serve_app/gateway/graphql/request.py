"""Reads GraphQL requests out of bodies and addresses, and in which media type to answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from starlette.datastructures import QueryParams
from starlette.types import Receive, Scope

from serve_app.core.offload import LARGE_BYTES, Offload
from serve_app.core.violations import value_text
from serve_app.errors import BadEncoding, TooLarge
from serve_app.gateway import bodies
from serve_app.gateway.entrance import timeout_of
from serve_app.protocols.bodies import json_body

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
_BODIES = frozenset({JSON})
_LARGE_BYTES = 16 * 1024
"""graphql-core looks at each cell in Python, which takes some microseconds."""
_ANY = ("application/*", "*/*")


class GraphQLRequest(NamedTuple):
    """A document with its variables, and the headers that it came with.

    `timeout_s` is the time that each of its predictions may take; None for the endpoint's.
    Executing a `large` request takes longer than others should wait.
    """

    query: str
    variables: Mapping[str, Any]
    operation: str | None
    headers: Mapping[str, str]
    timeout_s: float | None = None
    large: bool = False

    @property
    def request_id(self) -> str:
        """The id that the edge gave the request."""
        return self.headers.get("x-request-id", "")


async def read(
    scope: Scope, receive: Receive, headers: dict[str, str], max_bytes: int, offload: Offload
) -> GraphQLRequest:
    """What a request asks: in its address when it came by GET, else in its body.

    Raises:
        UnsupportedMedia: the body is not of JSON.
        TooLarge: body or address are above the limit.
        BadEncoding: it is no JSON, or has no `query`.
        InvalidInput: the header `x-timeout-s` is no time.
    """
    large = False
    if scope["method"] == "POST":
        body = await bodies.read(
            receive, headers, max_bytes=max_bytes, accepted=_BODIES, offload=offload
        )
        large = len(body) >= _LARGE_BYTES
        if len(body) < LARGE_BYTES:
            document = json_body.parse(body)
        else:
            document = await offload.begin(json_body.parse, body)
    else:
        document = _in_address(scope["query_string"], max_bytes)
    query = document.get("query")
    if not isinstance(query, str):
        sent = f", got {value_text(query)}" if "query" in document else ""
        msg = f"'query' must be a GraphQL document in a string{sent}"
        raise BadEncoding(msg, key="query")
    operation = document.get("operationName")
    if operation is not None and not isinstance(operation, str):
        msg = f"'operationName' must be a string, got {value_text(operation)}"
        raise BadEncoding(msg, key="operationName")
    json_body.members(document, "extensions")
    variables = json_body.members(document, "variables")
    return GraphQLRequest(query, variables, operation or None, headers, timeout_of(headers), large)


def _in_address(address: bytes, max_bytes: int) -> dict[str, Any]:
    if len(address) > max_bytes:
        msg = f"the address is above the limit of {max_bytes} bytes; send a body by POST"
        raise TooLarge(msg, max_bytes=max_bytes)
    parameters: dict[str, Any] = dict(QueryParams(address))
    for key in ("variables", "extensions"):
        if key in parameters:
            parameters[key] = (
                json_body.parse_any(parameters[key].encode()) if parameters[key] else None
            )
    return parameters


def accepted(header: str) -> str | None:
    """The media type to answer in, by an `Accept` header; none where it takes neither.

    GraphQL's own stands first where a client takes both alike or says nothing.
    """
    if not header.strip():
        return GRAPHQL
    weights = dict(map(_range, header.lower().split(",")))
    weights = {
        kind: next((weights[name] for name in (kind, *_ANY) if name in weights), 0.0)
        for kind in (GRAPHQL, JSON)
    }
    best = max(weights, key=weights.__getitem__)
    return best if weights[best] > 0 else None


def _range(part: str) -> tuple[str, float]:
    """A media range and its weight; 0 for a weight that is none."""
    name, *parameters = (text.strip() for text in part.split(";"))
    weight = next((text[2:] for text in parameters if text.startswith("q=")), "1")
    try:
        return name, float(weight)
    except ValueError:
        return name, 0.0
