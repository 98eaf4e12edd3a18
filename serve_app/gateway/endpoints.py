"""What each path that predicts does: a few lines that join a dialect to the engine."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import Any

from starlette.types import Receive, Scope, Send

from serve_app.core.flow import OWNER
from serve_app.core.messages import Payload, Response
from serve_app.core.offload import LARGE_BYTES, LARGE_ROWS
from serve_app.core.sharing import Sharing
from serve_app.gateway import bodies, compression, errors, versions
from serve_app.gateway.context import GatewayContext, caller_of, headers_of
from serve_app.gateway.entrance import PREDICT, Admitted
from serve_app.gateway.in_turn import TURN, in_turn, left_of
from serve_app.protocols.bodies import column_names
from serve_app.protocols.dialect import FORM, Call, Dialect, Reply, Words


class Predictions:
    """The path that predicts, in one dialect. An ASGI application: the hot path.

    `refuse` are the words of errors; without them the dialect has its own.
    """

    action = PREDICT
    """What callers must be allowed."""

    def __init__(
        self, context: GatewayContext, dialect: Dialect, refuse: Words | None = None
    ) -> None:
        self._entrance = context.entrance(self.action)
        self._offload = context.predictor.offload
        self._sharing = context.predictor.sharing
        self._dialect = dialect
        self._refuse = refuse or dialect.refuse
        self._max_body_bytes = context.settings.max_body_bytes
        self._max_rows = context.settings.max_rows
        self._compress_above = context.settings.compress_above_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self.answer(scope, receive, send)

    def answer(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, int]:
        """Answer one request in its caller's turn, and give the status of the answer."""
        if scope["method"] == "GET":
            receive = bodies.of_query(scope)
        if self._sharing is None:
            return self.answered(scope, receive, send)
        return self._in_turn(self._sharing, scope, receive, send)

    async def answered(self, scope: Scope, receive: Receive, send: Send) -> int:
        """Answer one request as soon as it is here, and give the status of the answer."""
        headers = headers_of(scope)
        request_id = headers.get("x-request-id", "")
        try:
            if scope["method"] == "GET":
                headers["content-type"] = FORM
            response = await self._predict(scope, receive, headers)
            if response.request.payload.rows < LARGE_ROWS:
                reply = self._dialect.encode(response)
            else:
                reply = await self._offload.run(self._dialect.encode, response)
        except Exception as error:  # noqa: BLE001 - the edge: whatever it is becomes an answer
            refused = errors.response(error, request_id, refuse=self._refuse)
            await refused(scope, receive, send)
            return refused.status_code
        await self.send(response, reply, headers, send)
        return 200

    async def send(
        self, response: Response, reply: Reply, headers: Mapping[str, str], send: Send
    ) -> None:
        """Send an answer with its marks, compressed where it is long and the client takes that."""
        if len(reply.body) > self._compress_above and "accept-encoding" in headers:
            reply = await self._offload.run(_compressed, reply, headers["accept-encoding"])
        start = {"type": "http.response.start", "status": 200, "headers": _marks(response, reply)}
        await send(start)
        await send({"type": "http.response.body", "body": reply.body})

    async def _in_turn(self, sharing: Sharing, scope: Scope, receive: Receive, send: Send) -> int:
        with sharing.turn(caller_of(scope).name) as turn:
            scope[TURN] = turn
            return await self.answered(scope, in_turn(turn, receive), send)

    async def _predict(
        self,
        scope: Scope,
        receive: Receive,
        headers: dict[str, str],
    ) -> Response:
        admitted, payload = await self.received(scope, receive, headers)
        return await self._entrance.predict(admitted, payload)

    async def received(
        self,
        scope: Scope,
        receive: Receive,
        headers: dict[str, str],
    ) -> tuple[Admitted, Payload]:
        """Who is asked, and about which rows.

        Raises:
            ClientError: there is no such endpoint or version, or the body is not of the dialect.
            Forbidden: the caller may not ask that of the endpoint.
        """
        parameters: Mapping[str, str] = scope["path_params"]
        target = self._dialect.target(headers)
        admitted = self._entrance.admit(
            headers,
            parameters.get("endpoint") or target.endpoint,
            versions.named(parameters) or target.version,
            label=parameters.get("label"),
            caller=caller_of(scope),
        )
        OWNER.set(admitted.caller.name)
        body = await bodies.read(
            receive,
            headers,
            max_bytes=self._max_body_bytes,
            accepted=self._dialect.media_types,
            offload=self._offload,
        )
        if admitted.timeout_s is not None:
            admitted = admitted._replace(timeout_s=left_of(admitted.timeout_s, scope))
        stage = admitted.stage
        signature = stage.spec.signature
        most, own = self._max_rows, stage.spec.name
        call = Call(body, stage.names, most, headers, signature.inputs, signature, own)
        if len(body) < LARGE_BYTES:
            payload = self._dialect.decode(call)
        else:
            payload = await self._offload.begin(self._dialect.decode, call)
        if call.knows_no_names:
            payload = replace(payload, columns=column_names.placed(payload.columns, call))
        return admitted, payload


def _marks(response: Response, reply: Reply) -> list[tuple[bytes, bytes]]:
    """The headers of an answer: what it is, who gave it, and where it came from."""
    answer = response.answer
    given = [
        (b"content-length", b"%d" % len(reply.body)),
        (b"content-type", reply.media_type),
        *reply.headers,
        (b"x-prediction-id", response.prediction_id.encode()),
        (b"x-variant", ",".join(answer.variants).encode()),
        (b"x-snapshot", b"%d" % response.snapshot_version),
    ]
    if answer.fallback:
        given.append((b"x-fallback", b"true"))
    if response.cached_rows is not None:
        given.append((b"x-cache", _cache_mark(response.cached_rows, response)))
    return given


def _compressed(reply: Reply, accepted: str) -> Reply:
    body, more = compression.negotiated(reply.body, accepted)
    return reply._replace(body=body, headers=(*reply.headers, *more))


def _cache_mark(cached: int, response: Response) -> bytes:
    rows = response.request.payload.rows
    if cached in {0, rows}:
        return b"hit" if cached else b"miss"
    return b"hit; rows=%d/%d" % (cached, rows)
