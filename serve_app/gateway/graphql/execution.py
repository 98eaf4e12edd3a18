"""Executes GraphQL documents against the endpoints as they are now.

Imports graphql-core, an optional dependency: `gateway/graphql/endpoint.py` imports this only
once somebody asks.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from inspect import isawaitable
from typing import Any, NamedTuple

from graphql import DocumentNode, ExecutionResult, GraphQLError, execute, print_schema, validate

from serve_app.core.caller import ANONYMOUS, Caller
from serve_app.core.messages import Payload, Response
from serve_app.core.snapshot import Endpoint
from serve_app.engine.predict import Predictor
from serve_app.engine.stages import NOTHING_YET, Stages
from serve_app.errors import ClientError, NotReady, TooLarge
from serve_app.gateway.entrance import Admitted, Entrance
from serve_app.gateway.errors import STATUS, log, nearest
from serve_app.gateway.graphql import errors as graphql_errors
from serve_app.gateway.graphql.request import GraphQLRequest
from serve_app.protocols.graphql import schema as graphql_schema
from serve_app.protocols.graphql.limits import DocumentLimits, parsed

Predict = Callable[[Admitted, Payload], Coroutine[Any, Any, Response]]
# Each is held while the models of its document compute.
_THREADS = 4
_KEPT_SCHEMAS = 16
_KEPT_DOCUMENTS = 64
_KEPT_CHARACTERS = 2_048
_QUICK_CHARACTERS = 512
"""Each field is held against all others of its name, which takes long where a document has many."""
_MESSAGE_CHARACTERS = 500
_ERRORS = 10
_PLACE = ("locations", "path")


class Executed(NamedTuple):
    """The answer to a document, and the status of HTTP that says whether it was executed.

    `changes` is True where it was refused for being a mutation or a subscription.
    """

    body: dict[str, Any]
    status: int = 200
    changes: bool = False


class Documents:
    """Executes documents; the schema is made anew when descriptions of endpoints change.

    Callers who may know of other endpoints have another schema.
    """

    def __init__(
        self, predictor: Predictor, max_rows: int, limits: DocumentLimits | None = None
    ) -> None:
        self._predictor = predictor
        self._entrance = Entrance(predictor)
        self._max_rows = max_rows
        self._limits = limits or DocumentLimits()
        self._description: object = None
        self._standing: OrderedDict[int, _Standing] = OrderedDict()
        self._thread = ThreadPoolExecutor(_THREADS, thread_name_prefix="graphql")

    async def execute(self, request: GraphQLRequest, caller: Caller = ANONYMOUS) -> Executed:
        """The answer to a document. Its predictions run at the same time, and fail alone.

        Raises:
            NotReady: no snapshot has arrived yet.
        """
        stages, standing = self._stand(caller)
        try:
            document = standing.find(request.query) or parsed(request.query, self._limits)
            self._check_rows(request.variables)
        except ClientError as error:
            body = {"errors": [graphql_errors.error_entry(error, request.request_id)]}
            return Executed(body, nearest(STATUS, error), "operation" in error.details)
        wrong = await standing.check(request.query, document)
        if wrong:
            return _executed(ExecutionResult(None, wrong), request.request_id)
        if not request.large:
            asking = _Asking(self._entrance, stages, request, caller, self._max_rows)
            return _executed(await _result(standing, document, asking), request.request_id)
        asking = _Asking(self._entrance, stages, request, caller, self._max_rows)
        asking.predicted = _from_elsewhere(asking.predicted, asyncio.get_running_loop())

        def executed() -> Executed:
            return _executed(asyncio.run(_result(standing, document, asking)), request.request_id)

        return await asyncio.get_running_loop().run_in_executor(self._thread, executed)

    async def schema_text(self, caller: Caller = ANONYMOUS) -> str:
        """The schema of the endpoints as they are now, in GraphQL's own language."""
        return await asyncio.to_thread(print_schema, self._stand(caller)[1].schema)

    def _stand(self, caller: Caller) -> tuple[Stages, _Standing]:
        """The endpoints that a caller sees, and the schema that follows from their descriptions."""
        stages = self._predictor.stages_for(caller)
        if stages.version == 0:
            raise NotReady(NOTHING_YET)
        if self._predictor.stages.description is not self._description:
            self._description = self._predictor.stages.description
            self._standing.clear()
        # A schema keeps the description that it was made of: no other has its identity.
        identity = id(stages.description)
        standing = self._standing.get(identity)
        if standing is None:
            standing = self._standing[identity] = _Standing(stages)
            if len(self._standing) > _KEPT_SCHEMAS:
                self._standing.popitem(last=False)
        self._standing.move_to_end(identity)
        return stages, standing

    def _check_rows(self, variables: Mapping[str, Any]) -> None:
        """Hold the rows in variables against the limit before anybody looks at each of them."""
        rows = sum(len(value) for value in variables.values() if isinstance(value, list))
        if rows > self._max_rows:
            raise _too_many(rows, self._max_rows)


class _Standing:
    """A schema, the description it was made of, and documents that were found valid under it."""

    def __init__(self, stages: Stages) -> None:
        specs = (stage.spec for stage in stages.endpoints.values())
        self.description = stages.description
        self.schema = graphql_schema.build(specs)
        self._valid: OrderedDict[str, DocumentNode] = OrderedDict()

    def find(self, text: str) -> DocumentNode | None:
        """The document that a text holds, if it is known."""
        document = self._valid.get(text)
        if document is not None:
            self._valid.move_to_end(text)
        return document

    async def check(self, text: str, document: DocumentNode) -> list[GraphQLError]:
        """What is wrong with a document; nothing with those that are known."""
        if text in self._valid:
            return []
        if len(text) <= _QUICK_CHARACTERS:
            wrong = validate(self.schema, document, max_errors=_ERRORS)
        else:
            wrong = await asyncio.to_thread(validate, self.schema, document, max_errors=_ERRORS)
        # A document takes many times the memory of its text.
        if not wrong and len(text) <= _KEPT_CHARACTERS:
            self._valid[text] = document
            if len(self._valid) > _KEPT_DOCUMENTS:
                self._valid.popitem(last=False)
        return wrong


async def _result(standing: _Standing, document: DocumentNode, asking: _Asking) -> ExecutionResult:
    result = execute(
        standing.schema,
        document,
        context_value=asking,
        variable_values=dict(asking.request.variables),
        operation_name=asking.request.operation,
        max_coercion_errors=_ERRORS,
    )
    return await result if isawaitable(result) else result


def _from_elsewhere(predict: Predict, loop: asyncio.AbstractEventLoop) -> Predict:
    """The same, for callers in the event loop of another thread."""

    async def predicted(admitted: Admitted, payload: Payload) -> Response:
        call = asyncio.run_coroutine_threadsafe(predict(admitted, payload), loop)
        return await asyncio.wrap_future(call)

    return predicted


class _Asking:
    """What the fields of one document ask: `graphql_schema.Asks`."""

    def __init__(
        self,
        entrance: Entrance,
        stages: Stages,
        request: GraphQLRequest,
        caller: Caller,
        max_rows: int,
    ) -> None:
        self.request = request
        self.predicted: Predict = entrance.predict
        self._entrance = entrance
        self._stages = stages
        self._caller = caller
        self._max_rows = max_rows
        self._rows = 0

    def endpoint(self, name: str) -> Endpoint:
        """The endpoint of that name."""
        return self._stages.endpoint(name).spec

    async def predict(self, endpoint: str, payload: Payload, version: str | None) -> Response:
        """The answer to some rows, unless the document holds too many."""
        self._rows += payload.rows
        if self._rows > self._max_rows:
            raise _too_many(self._rows, self._max_rows)
        admitted = self._entrance.admit_under(
            self._stages, self.request.headers, endpoint, version, self._caller
        )
        return await self.predicted(admitted, payload)


def _too_many(rows: int, max_rows: int) -> TooLarge:
    msg = f"the document holds {rows} rows or more, above the limit of {max_rows}; split it"
    return TooLarge(msg, rows=rows, max_rows=max_rows)


def _executed(result: ExecutionResult, request_id: str) -> Executed:
    wrong = result.errors or []
    errors = {"errors": [_error_entry(error, request_id) for error in wrong]} if wrong else {}
    # Errors of a field name it; others kept the document from being executed.
    if result.data is None and not any(error.path for error in wrong):
        return Executed(errors, nearest(STATUS, ClientError("")))
    return Executed({"data": result.data, **errors})


def _error_entry(error: GraphQLError, request_id: str) -> dict[str, Any]:
    """An error of graphql-core, or one of a prediction, with its place in the document."""
    cause = error.original_error
    place = {key: value for key, value in error.formatted.items() if key in _PLACE}
    if error.path and cause is not None and not isinstance(cause, GraphQLError):
        log(cause, request_id)
        return {**graphql_errors.error_entry(cause, request_id), **place}
    mended = ClientError(error.message[:_MESSAGE_CHARACTERS])
    return {**graphql_errors.error_entry(mended, request_id), **place}
