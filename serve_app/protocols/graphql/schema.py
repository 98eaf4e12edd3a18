"""The GraphQL schema of the endpoints as they are: types from signatures, answers from Responses.

The context of an execution is an `Asks`: fields of endpoints and predictions go through it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, Protocol

import orjson
from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLField,
    GraphQLFloat,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLString,
)

from serve_app.core.columns import Array
from serve_app.core.messages import Payload, Response
from serve_app.core.signature import Column, Output
from serve_app.core.snapshot import Endpoint
from serve_app.core.violations import shortened, value_text
from serve_app.protocols.bodies import json_body, rows, several_targets
from serve_app.protocols.graphql import computed
from serve_app.protocols.graphql import names as graphql_names
from serve_app.protocols.graphql import targets as graphql_targets
from serve_app.protocols.graphql.endpoint import (
    NamedEndpoint,
    all_of,
    endpoint_object_type,
    field,
    named,
    text,
)
from serve_app.protocols.graphql.scalars import of_dtype, of_labels
from serve_app.routing import route_of
from serve_app.tasks.task import Method

PREDICTIONS = "predict"
_BY_HEADER = "header:"
_CATEGORIES_NAMED = 8
_TEXTS = GraphQLNonNull(GraphQLList(GraphQLNonNull(GraphQLString)))


class Asks(Protocol):
    """Answers what the fields of a document ask."""

    def endpoint(self, name: str) -> Endpoint:
        """The endpoint of that name.

        Raises:
            NotFound: there is none.
        """
        ...

    async def predict(self, endpoint: str, payload: Payload, version: str | None) -> Response:
        """The answer of an endpoint, or of one of its versions, to some rows.

        Raises:
            ServeError: there is none.
        """
        ...


def build(endpoints: Iterable[Endpoint]) -> GraphQLSchema:
    """A schema with the endpoints to look at and, where there are any, to predict with.

    It follows from descriptions alone: weights are looked up when somebody asks for them.
    An endpoint is a field of `predict`, and a column one of its rows: names that GraphQL cannot
    write are changed, and the endpoint's description tells how.
    """
    listed = named(endpoint for endpoint in endpoints if _fits(endpoint))
    by_name = {one.endpoint.name: one for one in listed}
    endpoint_type = endpoint_object_type()

    def endpoint(_source: Any, info: GraphQLResolveInfo[Asks], name: str) -> NamedEndpoint:
        return by_name[info.context.endpoint(name).name]

    fields = {
        "endpoints": field(all_of(endpoint_type), lambda _: listed, "All endpoints."),
        "endpoint": GraphQLField(
            endpoint_type,
            args={"name": GraphQLArgument(GraphQLNonNull(GraphQLString))},
            resolve=endpoint,
            description="The endpoint of that name.",
        ),
    }
    if listed:
        description = "Predictions. They change nothing, so they are queries."
        fields[PREDICTIONS] = field(
            GraphQLNonNull(_predictions_type(listed)), lambda _: by_name, description
        )
    return GraphQLSchema(GraphQLObjectType("Query", fields))


def _predictions_type(listed: list[NamedEndpoint]) -> GraphQLObjectType:
    names = (one.endpoint.name for one in listed)
    types = graphql_names.unique(names, graphql_names.pascal)
    shared = _answer_interface()
    return GraphQLObjectType(
        "Predictions",
        {one.name: _prediction(one, types[one.endpoint.name], shared) for one in listed},
        description="One field per endpoint.",
    )


def _prediction(one: NamedEndpoint, word: str, shared: GraphQLInterfaceType) -> GraphQLField:
    """The field that predicts with an endpoint; null, with an error, where it does not answer."""
    endpoint = one.endpoint
    row = _row_type(one, f"{word}Row")
    args = {
        "rows": GraphQLArgument(GraphQLNonNull(GraphQLList(GraphQLNonNull(row)))),
        "version": GraphQLArgument(
            GraphQLString, description="Ask this variant, past the route: its version or number."
        ),
    }
    key = route_of(endpoint.route).key
    if key is not None and not key.startswith(_BY_HEADER):
        description = f"The {key} that the route sticks to."
        args["key"] = GraphQLArgument(GraphQLID, description=description)
    columns = endpoint.signature.names
    by_field = computed.by_field(endpoint)

    async def predict(_source: Any, info: GraphQLResolveInfo[Asks], /, **given: Any) -> Response:
        sent = given["rows"]
        keys = {key: given["key"]} if key is not None and given.get("key") is not None else {}
        payload = Payload(
            columns=rows.of_rows(sent, columns),
            rows=len(sent),
            keys=keys,
            method=computed.selected(by_field, info),
        )
        answer: Response = await info.context.predict(endpoint.name, payload, given.get("version"))
        return answer

    return GraphQLField(
        _answer_type(endpoint, f"{word}Answer", shared),
        args=args,
        resolve=predict,
        description=f"Predict with the endpoint {endpoint.name}.",
    )


def _row_type(one: NamedEndpoint, name: str) -> GraphQLInputObjectType:
    """A row; cells may be left out, since the endpoint's schema decides what becomes of that."""
    fields = {
        word: GraphQLInputField(
            of_dtype(column.dtype, zoned=column.zone is not None),
            description=_column_text(column),
            out_name=column.name,
        )
        for column, word in one.columns
    }
    return GraphQLInputObjectType(
        name, fields, description=f"A row for the endpoint {one.endpoint.name}."
    )


def _column_text(column: Column) -> str:
    words = [f"The column {shortened(column.name)!r} ({column.dtype})"]
    if column.nullable:
        words.append("may be null")
    bounds = (("at least", column.minimum), ("at most", column.maximum))
    words.extend(f"{side} {bound:.15g} in training" for side, bound in bounds if bound is not None)
    if column.categories is not None:
        known = ", ".join(value_text(value) for value in column.categories[:_CATEGORIES_NAMED])
        more = len(column.categories) - _CATEGORIES_NAMED
        words.append(f"known values {known}" + (f" and {more} more" if more > 0 else ""))
    return "; ".join(words) + "."


def _answer_fields() -> dict[str, GraphQLField]:
    """What the answers of all endpoints have."""
    violation = GraphQLObjectType(
        "Warning",
        {
            "row": field(GraphQLNonNull(GraphQLInt), lambda warned: warned.row),
            "column": text(lambda warned: warned.column),
            "rule": text(lambda warned: warned.rule),
            "seen": text(lambda warned: warned.seen),
            "expected": text(lambda warned: warned.expected),
        },
        description="A rule of the schema that was broken and is only warned of.",
    )
    failure = GraphQLObjectType(
        "LeftOut",
        {
            "variant": text(lambda failed: failed.variant),
            "code": text(lambda failed: failed.code),
        },
        description="A variant that did not answer, and the code of the error why.",
    )
    return {
        "endpoint": text(lambda response: response.request.endpoint),
        "variants": field(
            _TEXTS,
            lambda response: response.answer.variants,
            "The versions whose predictions are in this answer.",
        ),
        "snapshot": field(
            GraphQLNonNull(GraphQLInt),
            lambda response: response.snapshot_version,
            "The configuration that chose them.",
        ),
        "predictionId": text(lambda response: response.prediction_id),
        "requestId": text(lambda response: response.request.id),
        "fallback": field(
            GraphQLNonNull(GraphQLBoolean),
            lambda response: response.answer.fallback,
            "Whether the fallback answered.",
        ),
        "leftOut": field(all_of(failure), lambda response: response.answer.left_out),
        "warnings": field(
            all_of(violation), lambda response: response.warnings, "The first 20 of them."
        ),
        "cachedRows": field(
            GraphQLInt,
            lambda response: response.cached_rows,
            "How many rows a cache knew; null where there is none.",
        ),
    }


def _answer_interface() -> GraphQLInterfaceType:
    return GraphQLInterfaceType(
        "Answer", _answer_fields(), description="What the answers of all endpoints have."
    )


def _answer_type(endpoint: Endpoint, name: str, shared: GraphQLInterfaceType) -> GraphQLObjectType:
    output = endpoint.signature.output
    fields = {
        "predictions": field(
            GraphQLNonNull(GraphQLList(_value_type(output))),
            lambda response: _plain(response.answer.prediction.values),
            "One per row.",
        )
    }
    if output.targets:
        fields.update(graphql_targets.fields(output))
    elif output.probabilities:
        fields["probabilities"] = field(
            GraphQLList(GraphQLNonNull(GraphQLList(GraphQLFloat))),
            lambda response: _plain(response.answer.prediction.probabilities),
            "One list per row, in the order of `classes`.",
        )
        fields["classes"] = field(
            GraphQLNonNull(GraphQLList(of_labels(output.labels))),
            lambda response: list(response.labels),
        )
    for word, method in computed.by_field(endpoint).items():
        one = GraphQLFloat if method.width(output) == 1 else GraphQLList(GraphQLFloat)
        fields[word] = field(
            GraphQLList(one),
            partial(_part, method),
            f"The {method.words}: one per row, computed for who asks.",
        )
    return GraphQLObjectType(
        name,
        {**fields, **shared.fields},
        interfaces=[shared],
        description=f"What the endpoint {endpoint.name} answered.",
    )


def _part(method: Method, response: Response) -> Any:
    return _plain(method.part(response.answer.prediction))


def _fits(endpoint: Endpoint) -> bool:
    """Whether an endpoint takes and gives what GraphQL has types for: tensors it has none."""
    shaped = any(column.shape for column in endpoint.signature.inputs)
    return endpoint.signature.output.kind != "tensors" and not shaped


def _value_type(output: Output) -> GraphQLOutputType:
    """The type of one row's prediction; a list where there are several outputs."""
    labels = several_targets.all_labels(output) if output.targets else output.labels
    classifies = output.kind == "classification" or output.targets
    scalar = of_labels(labels) if classifies else GraphQLFloat
    return scalar if output.width == 1 else GraphQLList(scalar)


def _plain(array: Array | None) -> Any:
    """An array in the values of JSON, equal to what the other dialects write; NaN is null."""
    return None if array is None else orjson.loads(json_body.dump(json_body.plain(array)))
