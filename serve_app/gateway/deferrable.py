"""The paths that predict at once or, where a client prefers that, later."""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from typing import Any

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from serve_app.batch.deferred import Deferred, DeferredRequest, GivenAnswer
from serve_app.core.caller import CREDENTIALS, Caller
from serve_app.errors import ReplicaDied
from serve_app.gateway import bodies, errors
from serve_app.gateway.context import CALLER, GatewayContext, caller_of, headers_of, json
from serve_app.gateway.deferral import Deferral
from serve_app.gateway.endpoints import Predictions
from serve_app.gateway.preferences import Preference, preference_of
from serve_app.protocols.dialect import Dialect, Words

SYSTEM = "serve-app"
ANSWERS = "/v1/answers"
LOOK_AGAIN_S = 1
"""After so long a client may look whether its answer is there."""
_NOT_KEPT = frozenset(
    {
        *CREDENTIALS,
        *("cookie", "x-client-dn", "prefer", "connection", "transfer-encoding"),
        *("content-length", "content-encoding", "accept-encoding"),
    }
)
"""What a request proves itself with, and what concerns the way of its bytes alone."""


class Deferrable(Predictions):
    """A path that predicts. Where the gateway answers later, clients may prefer that."""

    def __init__(
        self, context: GatewayContext, dialect: Dialect, refuse: Words | None = None
    ) -> None:
        super().__init__(context, dialect, refuse)
        self._deferral = context.deferral
        self._check = context.predictor.check

    def answer(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, int]:
        """Answer one request, and give the status of the answer."""
        if self._deferral is not None:
            preference = preference_of(scope["headers"])
            if preference.later:
                return self._later(self._deferral, preference, scope, receive, send)
        return super().answer(scope, receive, send)

    async def take(self, deferral: Deferral, system: str, scope: Scope, receive: Receive) -> str:
        """Keep a request that is answered later, and give its name.

        Raises:
            ClientError: it could not be answered as it is.
            Overloaded: too many wait, or are kept.
        """
        headers = headers_of(scope)
        body = await bodies.read(
            receive,
            headers,
            max_bytes=min(self._max_body_bytes, deferral.max_body_bytes),
            accepted=self._dialect.media_types,
            offload=self._offload,
        )
        caller = caller_of(scope)
        request = DeferredRequest(
            system=system,
            endpoint="",
            owner=caller.owner,
            parameters=dict(scope["path_params"]),
            headers=tuple(one for one in headers.items() if one[0] not in _NOT_KEPT),
            body=body,
        )
        return await self.take_again(deferral, request, caller)

    async def take_again(self, deferral: Deferral, request: DeferredRequest, caller: Caller) -> str:
        """Keep a request that was kept before; raises as `take` does."""
        scope, receive = _replayed(request, caller)
        admitted, payload = await self.received(scope, receive, dict(request.headers))
        await self._check(admitted.stage, payload)
        kept = DeferredRequest(
            system=request.system,
            endpoint=admitted.stage.spec.name,
            owner=caller.owner,
            parameters=request.parameters,
            headers=request.headers,
            body=request.body,
        )
        return await deferral.submit(kept, partial(self._given, caller))

    async def _later(
        self,
        deferral: Deferral,
        preference: Preference,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> int:
        try:
            response = await self._taken(deferral, preference, scope, receive)
        except Exception as error:  # noqa: BLE001 - the edge: whatever it is becomes an answer
            request_id = headers_of(scope).get("x-request-id", "")
            response = errors.response(error, request_id, refuse=self._refuse)
        await response(scope, receive, send)
        return response.status_code

    async def _taken(
        self, deferral: Deferral, preference: Preference, scope: Scope, receive: Receive
    ) -> Response:
        """The answer itself where it comes while the client waits, else where it will be."""
        name = await self.take(deferral, SYSTEM, scope, receive)
        waits = preference.wait_s is not None
        await deferral.wait(name, preference.wait_s or 0)
        kept = await deferral.show(caller_of(scope), SYSTEM, name)
        applied = f"wait={preference.wait_s}" if waits else ""
        if waits and kept.state == "DONE":
            response = response_of(await deferral.answer(kept))
        else:
            response = unanswered(kept)
            response.headers["location"] = f"{ANSWERS}/{name}"
            applied = f"respond-async, {applied}" if waits else "respond-async"
        response.headers["preference-applied"] = applied
        return response

    async def _given(self, caller: Caller, request: DeferredRequest) -> GivenAnswer:
        """What a request is answered, whatever that is."""
        messages: list[Message] = []

        async def send(message: Message) -> None:
            messages.append(message)

        scope, receive = _replayed(request, caller)
        status = await super().answered(scope, receive, send)
        start, *parts = messages
        headers = tuple(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in start["headers"]
            if name != b"content-length"
        )
        return GivenAnswer(status, headers, b"".join(part.get("body", b"") for part in parts))


def lost(kept: Deferred) -> ReplicaDied:
    """What is said of a request that nobody answers any more."""
    msg = "the process that was to answer this ended before it did: send the request again"
    return ReplicaDied(msg, endpoint=kept.endpoint)


def unanswered(kept: Deferred) -> Response:
    """What is said of a request that has no answer yet."""
    body = {"answer": kept.name, "state": kept.state, "endpoint": kept.endpoint}
    response = json(body, 202)
    response.headers["retry-after"] = str(LOOK_AGAIN_S)
    return response


def response_of(given: GivenAnswer) -> Response:
    """An answer as it was given."""
    response = Response(given.body, given.status)
    for name, value in given.headers:
        response.headers[name] = value
    return response


def _replayed(request: DeferredRequest, caller: Caller) -> tuple[Scope, Receive]:
    """A request as the path that predicts would have it."""
    scope = {
        "type": "http",
        "method": "POST",
        "path_params": dict(request.parameters),
        "headers": [
            (name.encode("latin-1"), text.encode("latin-1")) for name, text in request.headers
        ],
        "query_string": b"",
        CALLER: caller,
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": request.body, "more_body": False}

    return scope, receive
