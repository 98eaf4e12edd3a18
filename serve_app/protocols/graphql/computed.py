"""What an answer holds only for who asks: the fields of methods beside what is predicted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import FieldNode, FragmentSpreadNode, GraphQLResolveInfo, InlineFragmentNode

from serve_app.core.messages import PREDICT
from serve_app.core.snapshot import Endpoint
from serve_app.errors import InvalidInput
from serve_app.protocols import methods
from serve_app.tasks.predict import Predict
from serve_app.tasks.task import Method


def by_field(endpoint: Endpoint) -> dict[str, Method]:
    """The methods that an endpoint answers beside what it predicts, by their fields."""
    predicted = {method.name for method in Predict.methods}
    given = methods.given(endpoint.signature.output)
    return {_field_of(method): method for method in given if method.name not in predicted}


def _field_of(method: Method) -> str:
    """The field of an answer that holds what a method gives: `rawScores`."""
    first, *others = method.name.split("_")
    return first + "".join(word.capitalize() for word in others)


def selected(by_field: Mapping[str, Method], info: GraphQLResolveInfo[Any]) -> str:
    """The method whose field is selected below the one that is being resolved.

    Raises:
        InvalidInput: fields of several are, which are computed apart.
    """
    names = [method.name for name, method in by_field.items() if _asks_for(name, info)]
    if len(names) > 1:
        msg = f"{' and '.join(names)} are computed apart: ask for each in a field of its own"
        raise InvalidInput(msg, known=names)
    return names[0] if names else PREDICT


def _asks_for(name: str, info: GraphQLResolveInfo[Any]) -> bool:
    """Whether a field is selected below the one that is being resolved."""
    waiting = [node.selection_set for node in info.field_nodes]
    seen: set[str] = set()
    while waiting:
        selected = waiting.pop()
        for one in selected.selections if selected is not None else ():
            if isinstance(one, FragmentSpreadNode):
                if one.name.value not in seen:
                    seen.add(one.name.value)
                    waiting.append(info.fragments[one.name.value].selection_set)
            elif isinstance(one, InlineFragmentNode):
                waiting.append(one.selection_set)
            elif isinstance(one, FieldNode) and one.name.value == name:
                return True
    return False
