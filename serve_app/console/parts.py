"""Parts of a page that come from elsewhere: each is there, or says in words why it is not."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Generic, TypeVar

from serve_app.core.caller import Caller
from serve_app.errors import ServeError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """What a part of a page shows, or why it shows nothing."""

    value: T | None
    missing: str = ""


async def part(answer: Awaitable[T], caller: Caller, action: str, endpoint: str = "") -> Part[T]:
    """An answer that a caller may have, or why there is none.

    `endpoint` is the one that it is about, empty for what is about all of them.
    """
    grants = caller.grants
    is_allowed = grants.allow(action, endpoint) if endpoint else grants.allow_everywhere(action)
    if not is_allowed:
        getattr(answer, "close", lambda: None)()
        scope = f"{action}:{endpoint}" if endpoint else action
        return Part(None, f"To see this, {caller.name} needs the scope {scope}.")
    try:
        return Part(await answer)
    except ServeError as error:
        return Part(None, f"{error.message[:1].upper()}{error.message[1:]}.")
