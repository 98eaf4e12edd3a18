"""Scalars that GraphQL itself does not have: integers of 64 bits, and class labels."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from graphql import (
    ConstValueNode,
    FloatValueNode,
    GraphQLBoolean,
    GraphQLError,
    GraphQLFloat,
    GraphQLInt,
    GraphQLScalarType,
    GraphQLString,
    IntValueNode,
    StringValueNode,
)

from serve_app.core import times
from serve_app.core.cells import EXACT, INT_LIMITS
from serve_app.core.times import DATETIMES
from serve_app.core.violations import value_text

_DIGITS = re.compile(r"-?[0-9]{1,20}")
_LEAST = INT_LIMITS["int64"][0]
_MOST = INT_LIMITS["uint64"][1]
_IN_32_BITS = frozenset({"int8", "int16", "int32", "uint8", "uint16"})


def _long(value: Any) -> int:
    """A whole number that JSON held, exactly.

    Raises:
        GraphQLError: it is none of up to 64 bits.
    """
    whole: int | None = None
    if isinstance(value, int) and not isinstance(value, bool):
        whole = value
    elif isinstance(value, str) and _DIGITS.fullmatch(value):
        whole = int(value)
    elif isinstance(value, float) and value.is_integer() and abs(value) <= EXACT:
        # Languages with one kind of number write 3 as 3.0.
        whole = int(value)
    if whole is None or not _LEAST <= whole <= _MOST:
        raise GraphQLError(
            f"Long takes a whole number of up to 64 bits, or one in a string, "
            f"got {value_text(value)}"
        )
    return whole


def _long_literal(node: ConstValueNode) -> int:
    """A whole number that stood in a document."""
    if isinstance(node, (IntValueNode, StringValueNode)):
        return _long(node.value)
    kind = node.kind.removesuffix("_value").replace("_", " ")
    raise GraphQLError(
        f"Long takes a whole number of up to 64 bits, or one in a string, got a {kind}", node
    )


LONG = GraphQLScalarType(
    "Long",
    description="A whole number of up to 64 bits. It may be sent as a string of digits, for "
    "languages whose numbers are not exact beyond 2^53.",
    coerce_output_value=_long,
    coerce_input_value=_long,
    coerce_input_literal=_long_literal,
)
LABEL = GraphQLScalarType(
    "Label",
    description="A class label or category: a string, a number or a truth value.",
)


_Written = StringValueNode | IntValueNode | FloatValueNode


def _texts(name: str, kinds: tuple[type[_Written], ...]) -> Callable[[ConstValueNode], str]:
    """What takes literals of these kinds as the texts that they were written as."""

    def read(node: ConstValueNode) -> str:
        if isinstance(node, kinds):
            return node.value
        kind = node.kind.removesuffix("_value").replace("_", " ")
        raise GraphQLError(f"{name} does not take a {kind}", node)

    return read


def _as_text(name: str, *kinds: type[_Written], description: str) -> GraphQLScalarType:
    """A scalar whose values the schema of the endpoint reads, and judges row by row."""
    return GraphQLScalarType(
        name,
        description=description,
        coerce_input_value=lambda value: value,
        coerce_input_literal=_texts(name, kinds),
    )


DATE = _as_text("Date", StringValueNode, description="An ISO 8601 date such as 2024-05-01.")
DATE_TIME = _as_text(
    "DateTime",
    StringValueNode,
    description="An ISO 8601 date-time with its offset, such as 2024-05-01T12:00:00Z.",
)
LOCAL_DATE_TIME = _as_text(
    "LocalDateTime",
    StringValueNode,
    description="An ISO 8601 date-time without an offset, such as 2024-05-01T12:00:00.",
)
DECIMAL = _as_text(
    "Decimal",
    *(StringValueNode, IntValueNode, FloatValueNode),
    description='A decimal number; as a string it keeps every digit, such as "12.50".',
)


def of_dtype(dtype: str, *, zoned: bool = False) -> GraphQLScalarType:
    """The scalar that values of a column's dtype are sent as; `zoned` have an offset."""
    if dtype in _IN_32_BITS:
        return GraphQLInt
    if dtype in DATETIMES:
        by_time = DATE_TIME if zoned else LOCAL_DATE_TIME
        return DATE if dtype == times.DATE else by_time
    if dtype == "decimal":
        return DECIMAL
    plain = {"bool": GraphQLBoolean, "string": GraphQLString}
    return plain.get(dtype, GraphQLFloat if dtype.startswith("float") else LONG)


def of_labels(labels: tuple[Any, ...]) -> GraphQLScalarType:
    """The scalar that class labels are answered as; `Label` where they are not of one kind."""
    kinds = {type(label) for label in labels}
    if len(kinds) != 1:
        return LABEL
    plain = {str: GraphQLString, bool: GraphQLBoolean, int: LONG, float: GraphQLFloat}
    return plain.get(kinds.pop(), LABEL)
