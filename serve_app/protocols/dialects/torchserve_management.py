"""What TorchServe's management API is asked to change.

https://pytorch.org/serve/management_api.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serve_app.errors import ClientError, NotFound
from serve_app.protocols.bodies import json_body

_FALSE = frozenset({"false", "0", "no"})


@dataclass(frozen=True, slots=True)
class Registration:
    """A model that is to be registered: where it lies, its name, how many workers it is to have.

    `name` is none where the model's own is meant, `workers` where nothing is said of them.
    """

    url: str
    name: str | None
    workers: int | None
    waits: bool


@dataclass(frozen=True, slots=True)
class Scaling:
    """Between how many workers a model is to have, and whether who asks waits for them."""

    least: int
    most: int
    waits: bool


def registration(query: Mapping[str, str], body: bytes, media_type: str) -> Registration:
    """What a request wants to be registered: its query says so, or a JSON object.

    Numbers that are none count as not given, as with TorchServe.

    Raises:
        ClientError: no `url` is given.
        NotFound: it leads out of where models lie.
        BadEncoding: the body is no JSON object.
    """
    given: dict[str, Any] = dict(query)
    if body.strip() and media_type == "application/json":
        given = {**json_body.parse(body), **given}
    url, name = given.get("url"), given.get("model_name")
    if not isinstance(url, str) or not url.strip():
        raise ClientError("Parameter url is required.")
    if ".." in url.split("/"):
        raise NotFound(f"Relative path is not allowed in url: {url[:200]}")
    workers = _number(given.get("initial_workers"))
    is_named = isinstance(name, str) and name != ""
    waits = _true(given.get("synchronous", True))
    return Registration(url, str(name) if is_named else None, workers or None, waits)


def scaling(query: Mapping[str, str]) -> Scaling:
    """How many workers a request wants; one at least and as many at most unless it says so."""
    least = _number(query.get("min_worker"))
    most = _number(query.get("max_worker"))
    if least is None:
        least = 1 if most is None else min(1, most)
    return Scaling(least, least if most is None else most, _true(query.get("synchronous", False)))


def _number(given: Any) -> int | None:
    text = str(given)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _true(given: Any) -> bool:
    return bool(given) if isinstance(given, bool) else str(given).lower() not in _FALSE
