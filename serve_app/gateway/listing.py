"""The endpoints at `/models`, as TorchServe and SageMaker list them, and what may not be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from serve_app.errors import NotPermitted
from serve_app.gateway.context import GatewayContext, json

DEFAULT_LIMIT = 100


class Page(NamedTuple):
    """Some of a list, and the token that asks for those that follow."""

    items: Sequence[str]
    following: str | None


def page(items: Sequence[str], parameters: Mapping[str, str]) -> Page:
    """The page that `limit` and `next_page_token` of a query ask for.

    What is no number counts as not given, as with TorchServe.
    """
    start = _number(parameters.get("next_page_token"), 0)
    limit = _number(parameters.get("limit"), DEFAULT_LIMIT) or DEFAULT_LIMIT
    stop = start + min(limit, DEFAULT_LIMIT)
    return Page(items[start:stop], str(stop) if stop < len(items) else None)


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < 10 else otherwise


def entry(name: str, url: str | None = None) -> dict[str, str]:
    """An endpoint by its name, and where its model lies or, where that is not known, is asked."""
    return {"modelName": name, "modelUrl": url or f"/v1/models/{name}"}


def listed(context: GatewayContext, request: Request) -> Response:
    """The endpoints by name and route, a page at a time, as `/models` of two systems has them."""
    listed = page(sorted(context.stages_for(request).endpoints), request.query_params)
    management = context.management
    url_of = (lambda _: None) if management is None else management.url_of
    models = [entry(name, url_of(name)) for name in listed.items]
    following = {"nextPageToken": listed.following} if listed.following else {}
    return json({"models": models, **following})


def refused_write(context: GatewayContext, request: Request) -> Response:
    """The answer to whoever wants to register, scale or remove a model by a request."""
    msg = (
        "models are not registered, scaled or removed by requests: use serve-app register, and "
        "serve-app deploy with the configuration"
    )
    return context.refused(request, NotPermitted(msg))
