"""What requests pass by with `express`, and a config still asks of it."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

from serve_app.config import GatewayArgs
from serve_app.serving.express_choice import logging_of, serves_part

Path_ = tuple[str | int, ...]


def problems(
    body: Mapping[str, Any], path: Path_, arguments: GatewayArgs
) -> Iterator[tuple[Path_, str]]:
    """What Serve would do around each request and does not, by keys, with what to write instead."""
    timeout_s = _timeout_s(body)
    if arguments.express and timeout_s is not None:
        yield (
            (*path, "express"),
            (
                f"requests pass by Serve's `http_options.request_timeout_s` ({timeout_s}); leave "
                "that out and set `timeout_s` of endpoints, or leave `express` out"
            ),
        )


def notes(
    body: Mapping[str, Any], path: Path_, arguments: GatewayArgs
) -> Iterator[tuple[Path_, str]]:
    """Why requests take Serve's way to a gateway whose args leave that open, and what to write."""
    if arguments.express is not None:
        return
    application = body["applications"][path[1]]
    logging = logging_of(application, body.get("logging_config"))
    reason = serves_part(_timeout_s(body), logging, os.environ)
    if reason is not None:
        yield (
            path,
            (
                f"requests take Serve's way, since {reason}; write `express: true` for the shorter "
                "one all the same, or `express: false` to say that it is meant"
            ),
        )


def _timeout_s(body: Mapping[str, Any]) -> Any:
    options = body.get("http_options")
    return options.get("request_timeout_s") if isinstance(options, Mapping) else None
