"""The paths that take feedback: what became of predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from serve_app.core.feedback import Feedback, Outcome
from serve_app.core.offload import LARGE_BYTES
from serve_app.errors import NotReady
from serve_app.gateway import bodies, errors
from serve_app.gateway.context import GatewayContext, headers_of
from serve_app.protocols.bodies.feedback import Told, check_truth
from serve_app.protocols.dialect import Reply, Words


class Spoken(NamedTuple):
    """How one protocol says feedback, and how it is answered."""

    decode: Callable[[bytes, Mapping[str, str]], Told]
    encode: Callable[[Feedback, Outcome], Reply]
    media_types: frozenset[str]
    refuse: Words | None = None


class FeedbackPath:
    """A path that takes feedback, in the words of one protocol."""

    def __init__(self, context: GatewayContext, spoken: Spoken) -> None:
        self._context = context
        self._spoken = spoken

    async def taken(self, request: Request) -> Response:
        """Hand on what a request says, and tell what became of it."""
        headers = headers_of(request.scope)
        request_id = headers.get("x-request-id", "")
        try:
            reply = await self._kept(request, headers, request_id)
        except Exception as error:  # noqa: BLE001 - the edge: whatever it is becomes an answer
            refuse = self._spoken.refuse or self._context.refuse
            return errors.response(error, request_id, refuse=refuse)
        return Response(reply.body, media_type=reply.media_type.decode())

    async def _kept(self, request: Request, headers: dict[str, str], request_id: str) -> Reply:
        context, spoken = self._context, self._spoken
        if context.keep is None:
            raise NotReady("this gateway keeps no feedback")
        settings = context.settings
        receive = request.receive
        if request.method == "GET":
            receive = bodies.of_query(request.scope, headers)
        offload = context.predictor.offload
        body = await bodies.read(
            receive,
            headers,
            max_bytes=settings.max_body_bytes,
            accepted=spoken.media_types,
            offload=offload,
        )
        if len(body) < LARGE_BYTES:
            said = spoken.decode(body, headers)
        else:
            said = await offload.run(spoken.decode, body, headers)
        name = request.path_params.get("endpoint") or said.endpoint
        stage = context.entrance.admit(headers, name).stage
        if stage.several is not None:
            check_truth(said.truth_json, stage.several)
        feedback = said.of(stage.spec.name, request_id)
        return spoken.encode(feedback, await context.keep(feedback))
