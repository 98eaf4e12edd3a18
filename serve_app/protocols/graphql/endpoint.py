"""What GraphQL tells of an endpoint without asking it, and how fields are written."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from graphql import (
    GraphQLBoolean,
    GraphQLField,
    GraphQLFloat,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLString,
)

from serve_app.core.signature import Column, Signature
from serve_app.core.snapshot import Endpoint, Variant
from serve_app.protocols.graphql import names as graphql_names
from serve_app.protocols.graphql.scalars import LABEL
from serve_app.routing import route_of


class NamedColumn(NamedTuple):
    """A column, and the name that GraphQL writes it by."""

    column: Column
    name: str


class NamedEndpoint(NamedTuple):
    """An endpoint, and the names that GraphQL writes it and its columns by."""

    endpoint: Endpoint
    name: str
    columns: tuple[NamedColumn, ...]


def named(endpoints: Iterable[Endpoint]) -> list[NamedEndpoint]:
    """The endpoints in the order of their names, each with its GraphQL names."""
    listed = sorted(endpoints, key=lambda endpoint: endpoint.name)
    names = graphql_names.unique(endpoint.name for endpoint in listed)
    return [NamedEndpoint(e, names[e.name], _columns(e.signature)) for e in listed]


def _columns(signature: Signature) -> tuple[NamedColumn, ...]:
    names = graphql_names.unique(signature.names)
    return tuple(NamedColumn(column, names[column.name]) for column in signature.inputs)


def field(
    type_: GraphQLOutputType, get: Callable[[Any], Any], description: str = ""
) -> GraphQLField:
    """A field whose value is read off its source, with a description where there is one."""
    return GraphQLField(
        type_, resolve=lambda source, _info: get(source), description=description or None
    )


def text(get: Callable[[Any], Any], description: str = "") -> GraphQLField:
    """A text that is always there."""
    return field(GraphQLNonNull(GraphQLString), get, description)


def all_of(type_: GraphQLObjectType) -> GraphQLOutputType:
    """A list that is always there, and whose items are."""
    return GraphQLNonNull(GraphQLList(GraphQLNonNull(type_)))


def endpoint_object_type() -> GraphQLObjectType:
    """An endpoint to look at; its source is a `NamedEndpoint`."""
    column, variant, output = _column_type(), _variant_type(), _output_type()
    fields: Mapping[str, GraphQLField] = {
        "name": text(lambda of: of.endpoint.name),
        "graphqlName": text(lambda of: of.name, "The name of its field in `predict`."),
        "route": text(lambda of: of.endpoint.route.kind, "Its kind, such as single or split."),
        "key": field(GraphQLString, _key, "What its route sticks to."),
        "columns": field(all_of(column), lambda of: of.columns),
        "output": field(GraphQLNonNull(output), lambda of: of.endpoint.signature.output),
        "variants": GraphQLField(all_of(variant), resolve=_variants),
        "fallback": field(GraphQLString, _fallback, "The version that answers for all others."),
        "timeoutS": field(
            GraphQLNonNull(GraphQLFloat), lambda of: of.endpoint.timeout_s, "Seconds."
        ),
    }
    return GraphQLObjectType("Endpoint", fields, description="What a client calls by name.")


def _column_type() -> GraphQLObjectType:
    return GraphQLObjectType(
        "Column",
        {
            "name": text(lambda of: of.column.name),
            "graphqlName": text(lambda of: of.name, "The name of its field in a row."),
            "dtype": text(lambda of: of.column.dtype),
            "nullable": field(GraphQLNonNull(GraphQLBoolean), lambda of: of.column.nullable),
            "minimum": field(GraphQLFloat, lambda of: _finite(of.column.minimum)),
            "maximum": field(GraphQLFloat, lambda of: _finite(of.column.maximum)),
            "categories": field(
                GraphQLList(LABEL), lambda of: of.column.categories, "Known values."
            ),
        },
        description="A column that an endpoint takes, as it was in training.",
    )


def _variant_type() -> GraphQLObjectType:
    return GraphQLObjectType(
        "Variant",
        {
            "version": text(lambda of: of.version),
            "alias": field(
                GraphQLString, lambda of: of.alias, "The alias that chooses it, if one does."
            ),
            "weight": field(GraphQLNonNull(GraphQLFloat), lambda of: of.weight),
        },
        description="A version that an endpoint asks.",
    )


def _output_type() -> GraphQLObjectType:
    target = GraphQLObjectType(
        "Target",
        {
            "name": text(lambda of: of.name),
            "labels": field(GraphQLNonNull(GraphQLList(LABEL)), lambda of: of.labels),
        },
        description="One of several things that are said of each row, and its classes.",
    )
    return GraphQLObjectType(
        "Output",
        {
            "kind": text(
                lambda of: of.kind, "classification, multilabel, multioutput or regression"
            ),
            "targets": field(
                all_of(target), lambda of: of.targets, "Where each row is several things."
            ),
            "labels": field(GraphQLNonNull(GraphQLList(LABEL)), lambda of: of.labels),
            "probabilities": field(GraphQLNonNull(GraphQLBoolean), lambda of: of.probabilities),
            "rawScores": field(GraphQLNonNull(GraphQLBoolean), lambda of: of.raw_scores),
            "width": field(GraphQLNonNull(GraphQLInt), lambda of: of.width, "Values per row."),
        },
        description="What comes out of an endpoint.",
    )


def _variants(of: NamedEndpoint, info: GraphQLResolveInfo[Any]) -> Sequence[Variant]:
    # A schema outlives the weights that stood when it was made.
    now: Endpoint = info.context.endpoint(of.endpoint.name)
    return now.variants


def _key(of: NamedEndpoint) -> str | None:
    return route_of(of.endpoint.route).key


def _fallback(of: NamedEndpoint) -> str | None:
    fallback = of.endpoint.fallback
    return None if fallback is None else fallback.version


def _finite(bound: float | None) -> float | None:
    return float(bound) if bound is not None and math.isfinite(bound) else None
