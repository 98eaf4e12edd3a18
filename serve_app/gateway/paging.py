"""Long lists a page at a time, as TorchServe and SageMaker ask for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

DEFAULT_LIMIT = 100


class Page(NamedTuple):
    """Some of a list, and the token that asks for those that follow."""

    items: Sequence[str]
    following: str | None


def page(items: Sequence[str], asked: Mapping[str, str]) -> Page:
    """The page that `limit` and `next_page_token` of a query ask for.

    What is no number counts as not given, as with TorchServe.
    """
    start = _number(asked.get("next_page_token"), 0)
    limit = _number(asked.get("limit"), DEFAULT_LIMIT) or DEFAULT_LIMIT
    stop = start + min(limit, DEFAULT_LIMIT)
    return Page(items[start:stop], str(stop) if stop < len(items) else None)


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < 10 else otherwise
