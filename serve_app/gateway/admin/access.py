"""Whether who asks may do what a path of the admin API does."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any, Protocol

from starlette.requests import Request

from serve_app.core.caller import Caller
from serve_app.core.grants import EVERYTHING
from serve_app.engine.visible import require_everywhere
from serve_app.errors import Forbidden, NotFound
from serve_app.gateway.context import caller_of

_LONGEST_NAME = 200


class Guarded(Protocol):
    """A path, as far as it says what callers must be allowed."""

    @property
    def action(self) -> str:
        """What they must be allowed, on the endpoint that is meant or on all of them."""
        ...

    @property
    def query(self) -> Mapping[str, Any]:
        """The names that its query may have, of which `endpoint` is the one that is meant."""
        ...


def require(request: Request, path: Guarded) -> None:
    """Return where who asks may do this.

    Raises:
        Forbidden: it may not, and may know of the endpoint that is meant, if one is.
        NotFound: it may not know of the endpoint, whether there is one or not.
    """
    caller = caller_of(request.scope)
    if caller.grants is EVERYTHING:
        return
    endpoint = _endpoint(request, path)
    if endpoint is None:
        require_everywhere(caller, path.action)
    elif len(endpoint) > _LONGEST_NAME or not caller.grants.show(endpoint):
        raise _unknown(caller, endpoint)
    elif not caller.grants.allow(path.action, endpoint):
        scope = f"{path.action}:{endpoint}"
        raise Forbidden(f"{caller.name} may not do this: it needs the scope {scope}", scope=scope)


async def permitted_words(request: Request, answer: Awaitable[Any]) -> Any:
    """An answer; where there is none for an endpoint, whoever may not know all is told of none.

    Raises:
        NotFound: in words that name no endpoint but the one that was asked.
    """
    try:
        return await answer
    except NotFound:
        caller, endpoint = caller_of(request.scope), request.path_params.get("endpoint")
        if endpoint is None or caller.grants.allow_everywhere("read:metadata"):
            raise
        raise _unknown(caller, endpoint) from None


def _endpoint(request: Request, path: Guarded) -> str | None:
    """The endpoint that a request is about; none where it is about all, or about something else."""
    named: str | None = request.path_params.get("endpoint")
    if named is None and "endpoint" in path.query:
        return request.query_params.get("endpoint")
    return named


def _unknown(caller: Caller, endpoint: str) -> NotFound:
    return NotFound(f"there is no endpoint {endpoint[:80]!r} that {caller.name} may know of")
