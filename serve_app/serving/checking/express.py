"""What requests pass by with `express`, and a config still asks of it."""

from collections.abc import Iterator, Mapping
from typing import Any

from serve_app.config import GatewayArgs

Path_ = tuple[str | int, ...]


def problems(
    body: Mapping[str, Any], path: Path_, arguments: GatewayArgs
) -> Iterator[tuple[Path_, str]]:
    """What Serve would do around each request and does not, by keys, with what to write instead."""
    options = body.get("http_options")
    if not arguments.express or not isinstance(options, Mapping):
        return
    timeout_s = options.get("request_timeout_s")
    if timeout_s is not None:
        yield (
            (*path, "express"),
            (
                f"requests pass by Serve's `http_options.request_timeout_s` ({timeout_s}); leave "
                "that out and set `timeout_s` of endpoints, or leave `express` out"
            ),
        )
