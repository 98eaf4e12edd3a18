"""What GraphQL answers about several targets per row: their names, classes and probabilities."""

from __future__ import annotations

import orjson
from graphql import (
    GraphQLField,
    GraphQLFloat,
    GraphQLList,
    GraphQLNonNull,
    GraphQLOutputType,
    GraphQLString,
)

from serve_app.core.signature import Output
from serve_app.protocols.bodies import json_body, several_targets
from serve_app.protocols.graphql.endpoint import field
from serve_app.protocols.graphql.scalars import of_labels


def fields(output: Output) -> dict[str, GraphQLField]:
    """The fields that answers have beside their predictions."""
    names = several_targets.names(output)
    split = several_targets.is_split(output)
    answer_fields = {
        "targets": field(
            GraphQLNonNull(GraphQLList(GraphQLNonNull(GraphQLString))),
            lambda _: names,
            "What each value of a row is about.",
        )
    }
    if split:
        classes = [list(target.labels) for target in output.targets]
        scalar = of_labels(several_targets.all_labels(output))
        answer_fields["classes"] = field(
            GraphQLNonNull(GraphQLList(GraphQLNonNull(GraphQLList(scalar)))),
            lambda _: classes,
            "Those of each target.",
        )
    if output.probabilities:
        each: GraphQLOutputType = GraphQLNonNull(GraphQLList(GraphQLFloat))
        listed = GraphQLNonNull(GraphQLList(each)) if split else each
        order = "A list per target, in the order of `classes`." if split else "That of yes."
        answer_fields["probabilities"] = field(
            GraphQLList(listed),
            lambda answer: orjson.loads(json_body.dump(several_targets.probabilities(answer))),
            f"One list per row; for each target: {order}",
        )
    return answer_fields
