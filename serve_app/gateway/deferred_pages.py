"""Where answers are that were given later."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from serve_app.batch.deferred import Deferred
from serve_app.errors import NotFound
from serve_app.gateway.context import GatewayContext, caller_of, headers_of
from serve_app.gateway.deferrable import ANSWERS, SYSTEM, lost, response_of, unanswered
from serve_app.gateway.deferral import Deferral
from serve_app.gateway.foreign_pages import refuse_foreign

NO_STORE = {"cache-control": "no-store"}


def pages(context: GatewayContext) -> Sequence[BaseRoute]:
    """The path of answers; where none are given later it says so."""
    own = _AnswerPages(context)
    return [Route(f"{ANSWERS}/{{answer:bare}}", own.get_or_delete, methods=["GET", "DELETE"])]


class _AnswerPages:
    def __init__(self, context: GatewayContext) -> None:
        self._context = context

    async def get_or_delete(self, request: Request) -> Response:
        """Give an answer, or forget it, by the method of a request."""
        act = self._forgotten if request.method == "DELETE" else self._given
        try:
            response = await act(request)
        except Exception as error:  # noqa: BLE001 - the edge: whatever it is becomes an answer
            response = self._context.refused(request, error)
        response.headers.update(NO_STORE)
        return response

    async def _given(self, request: Request) -> Response:
        """The answer as it would have been given at once; 202 while there is none."""
        deferral, kept = await self._kept(request)
        if kept.state == "LOST":
            raise lost(kept)
        if kept.state == "DONE":
            return response_of(await deferral.answer(kept))
        return unanswered(kept)

    async def _forgotten(self, request: Request) -> Response:
        """Keep nothing of a request any more; it gets no answer where it had none."""
        refuse_foreign(headers_of(request.scope), ())
        deferral, kept = await self._kept(request)
        await deferral.forget(kept)
        return Response(status_code=204)

    async def _kept(self, request: Request) -> tuple[Deferral, Deferred]:
        deferral = self._context.deferral
        if deferral is None:
            msg = "this gateway answers at once alone; `deferred` in its args lets it answer later"
            raise NotFound(msg)
        name = request.path_params["answer"]
        return deferral, await deferral.show(caller_of(request.scope), SYSTEM, name)
