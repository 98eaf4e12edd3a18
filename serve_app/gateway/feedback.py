"""The paths that take feedback: what became of predictions."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from serve_app.core.caller import Caller
from serve_app.core.feedback import Feedback, Outcome
from serve_app.core.flow import OWNER
from serve_app.core.offload import IN_PLACE, LARGE_BYTES
from serve_app.engine.stages import Stage
from serve_app.errors import ClientError, NotFound, NotReady
from serve_app.gateway import bodies, errors
from serve_app.gateway.context import GatewayContext, Keep, caller_of, headers_of
from serve_app.gateway.foreign_pages import refuse_foreign
from serve_app.protocols.bodies import feedback_list
from serve_app.protocols.bodies.feedback import ReceivedFeedback, check_truth
from serve_app.protocols.bodies.feedback_list import FeedbackBody, Refused
from serve_app.protocols.dialect import FORM, Reply, Words


class FeedbackDialect(NamedTuple):
    """How one protocol says feedback, and how it is answered.

    `decode` is given the body, the headers and the most items that a list may have.
    """

    decode: Callable[[bytes, Mapping[str, str], int], FeedbackBody]
    encode: Callable[[Feedback, Outcome], Reply]
    media_types: frozenset[str]
    refuse: Words | None = None


class FeedbackPath:
    """A path that takes feedback, in the words of one protocol."""

    def __init__(self, context: GatewayContext, dialect: FeedbackDialect) -> None:
        self._context = context
        self._dialect = dialect
        self._entrance = context.entrance("feedback")

    async def taken(self, request: Request) -> Response:
        """Hand on what a request says, and tell what became of it."""
        headers = headers_of(request.scope)
        request_id = headers.get("x-request-id", "")
        try:
            reply = await self._kept(request, headers, request_id)
        except Exception as error:  # noqa: BLE001 - the edge: whatever it is becomes an answer
            refuse = self._dialect.refuse or self._context.refuse
            return errors.response(error, request_id, refuse=refuse)
        return Response(reply.body, media_type=reply.media_type.decode())

    async def _kept(self, request: Request, headers: dict[str, str], request_id: str) -> Reply:
        context, dialect = self._context, self._dialect
        keep = context.keep
        if keep is None:
            raise NotReady("this gateway keeps no feedback")
        settings = context.settings
        refuse_foreign(headers, settings.origins)
        receive = request.receive
        if request.method == "GET":
            receive, headers["content-type"] = bodies.of_query(request.scope), FORM
        caller = caller_of(request.scope)
        OWNER.set(caller.name)
        body = await bodies.read(
            receive,
            headers,
            max_bytes=settings.max_body_bytes,
            accepted=dialect.media_types,
            offload=context.predictor.offload,
        )
        offload = IN_PLACE if len(body) < LARGE_BYTES else context.predictor.offload
        statement = await offload.begin(dialect.decode, body, headers, settings.max_rows)
        named = statement.items[0][1].endpoint if statement.items else None
        name = request.path_params.get("endpoint") or named
        stage = self._entrance.admit(headers, name, caller=caller).stage
        owned = functools.partial(self._owned, caller=caller)
        checked = await offload.run(_checked, statement, stage, request_id, owned)
        if not statement.listed:
            return await self._one(checked, keep)
        if not checked.kept:
            raise feedback_list.none_kept(checked.refused)
        outcomes: list[Outcome | None] = [None] * (len(checked.kept) + len(checked.refused))
        kept = await keep([feedback for _, feedback in checked.kept])
        for (index, _), outcome in zip(checked.kept, kept, strict=True):
            outcomes[index] = outcome
        return await offload.run(
            feedback_list.encode, stage.spec.name, outcomes, checked.refused, request_id
        )

    def _owned(self, one: Feedback, caller: Caller) -> Feedback:
        """Feedback of a caller about what it was given itself, by an id or by a key.

        Raises:
            NotFound: it was given no such prediction.
        """
        predictor = self._context.predictor
        if caller.grants.allow("admin:feedback", one.endpoint):
            return one
        if one.prediction_id is None:
            return replace(one, owner=predictor.owner_of(caller))
        if not predictor.gave(one.prediction_id, caller):
            raise NotFound(f"you were given no prediction {one.prediction_id!r}")
        return one

    async def _one(self, checked: _Checked, keep: Keep) -> Reply:
        for _, error in checked.refused:
            raise error
        ((_, feedback),) = checked.kept
        (outcome,) = await keep([feedback])
        return self._dialect.encode(feedback, outcome)


class _Checked(NamedTuple):
    """The items of a body that can be kept, by their places, and those that cannot."""

    kept: list[tuple[int, Feedback]]
    refused: list[Refused]


def _checked(
    statement: FeedbackBody, stage: Stage, request_id: str, owned: Callable[[Feedback], Feedback]
) -> _Checked:
    """Hold truths against what the endpoint says, and predictions against who was given them."""
    kept: list[tuple[int, Feedback]] = []
    refused = list(statement.refused)
    for index, item in statement.items:
        try:
            kept.append((index, owned(_of(item, stage).of(stage.spec.name, request_id))))
        except ClientError as error:
            refused.append(Refused(index, error))
    return _Checked(kept, sorted(refused, key=lambda one: one.place))


def _of(item: ReceivedFeedback, stage: Stage) -> ReceivedFeedback:
    received = feedback_list.with_truth(item, stage.labels)
    if stage.several is not None:
        check_truth(received.truth_json, stage.several)
    return received
