"""The paths that explain: what a path of predictions answers, and why."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from serve_app.core.messages import Response
from serve_app.core.offload import IN_PLACE, LARGE_CELLS
from serve_app.engine.explain import Explained
from serve_app.errors import TooLarge
from serve_app.gateway import errors
from serve_app.gateway.context import GatewayContext, headers_of
from serve_app.gateway.endpoints import Predictions
from serve_app.gateway.profile import DialectPath
from serve_app.protocols.dialect import Dialect, Words
from serve_app.protocols.dialects import explanations


def path(place: str, dialect: Dialect) -> DialectPath:
    """A path that explains what requests in some dialect would be answered."""
    return DialectPath(place, dialect, answers=Explanations)


class Explanations(Predictions):
    """The path that explains. It takes what the path that predicts does, and answers in JSON."""

    action = "explain"

    def __init__(
        self, context: GatewayContext, dialect: Dialect, refuse: Words | None = None
    ) -> None:
        super().__init__(context, dialect, refuse)
        self._most = context.settings.max_explained_rows

    async def answered(self, scope: Scope, receive: Receive, send: Send) -> int:
        """Answer one request as soon as it is here, and give the status of the answer."""
        headers = headers_of(scope)
        try:
            response, explained = await self._explained(scope, receive, headers)
            numbers = explained.explanation.contributions.size
            offload = IN_PLACE if numbers < LARGE_CELLS else self._offload
            reply = await offload.run(explanations.encode, response, *explained)
        except Exception as error:  # noqa: BLE001 - the edge: whatever it is becomes an answer
            refused = errors.response(error, headers.get("x-request-id", ""), refuse=self._refuse)
            await refused(scope, receive, send)
            return refused.status_code
        await self.send(response, reply, headers, send)
        return 200

    async def _explained(
        self, scope: Scope, receive: Receive, headers: dict[str, str]
    ) -> tuple[Response, Explained]:
        admitted, payload = await self.received(scope, receive, headers)
        if payload.rows > self._most:
            msg = (
                f"{payload.rows} rows are to be explained, above the limit of {self._most} per "
                "request; send fewer at a time"
            )
            raise TooLarge(msg, rows=payload.rows, max_rows=self._most)
        return await self._entrance.explain(admitted, payload)
