"""What one GraphQL document may ask for: how deep, how often, and in how many words.

Aliases and fragments let a short document ask for much, so each fragment is weighed as often as
it is used. Nothing here needs a document to be valid: this comes before validation, whose costs
grow with the square of what is selected.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    parse,
)

from serve_app.errors import BadEncoding, ClientError, TooLarge
from serve_app.protocols.graphql.schema import PREDICTIONS

_INTROSPECTION = frozenset({"__schema", "__type"})
_STEPS = 100
"""How far fragments and fields may stand in each other, introspection included."""


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """The most that a document may ask for.

    `depth` is of fields in fields, where introspection does not count: its queries are deep, and
    validation bounds them. `repeats` is of fields of one name beside each other: one of them says
    all, and validation looks at each pair. `tokens` bounds names, values and brackets,
    `characters` the text.
    """

    depth: int = 10
    predictions: int = 20
    aliases: int = 60
    selections: int = 300
    repeats: int = 30
    tokens: int = 4_000
    characters: int = 65_536


class _Weight(NamedTuple):
    """What a selection asks for with all fragments in place."""

    depth: int = 0
    predictions: int = 0
    aliases: int = 0

    def with_(self, other: _Weight) -> _Weight:
        """Both, one beside the other."""
        return _Weight(
            max(self.depth, other.depth),
            self.predictions + other.predictions,
            self.aliases + other.aliases,
        )


class _Level(NamedTuple):
    """Where a selection stands: at the `root`, in `predict`, in `introspection` or `below`."""

    name: str
    steps: int = 0

    def within(self, field: str) -> _Level:
        """The place of what a field selects."""
        inner = self.name
        if self.name == "root":
            inner = "introspection" if field in _INTROSPECTION else "below"
            inner = PREDICTIONS if field == PREDICTIONS else inner
        elif self.name == PREDICTIONS:
            inner = "below"
        return _Level(inner, self.steps + 1)

    def beside(self) -> _Level:
        """The place of what a fragment selects."""
        return _Level(self.name, self.steps + 1)


def parsed(text: str, limits: DocumentLimits) -> DocumentNode:
    """The document that a text holds, which asks for no more than the limits allow.

    Raises:
        TooLarge: the text has too many characters.
        BadEncoding: it is not GraphQL, or has too many tokens.
        ClientError: it changes something, or asks for too much.
    """
    if len(text) > limits.characters:
        msg = (
            f"the document has {len(text)} characters, above the limit of {limits.characters}; "
            "send rows as variables"
        )
        raise TooLarge(msg, max_characters=limits.characters)
    try:
        document = parse(text, max_lexical_tokens=limits.tokens)
    except GraphQLError as error:
        reason = error.message.removeprefix("Syntax Error: ")
        at = [f"line {where.line}, column {where.column}" for where in error.locations or ()]
        places = f" at {at[0]}" if at else ""
        raise BadEncoding(f"the document is not GraphQL: {reason}{places}") from None
    _check_operations(document)
    _check(document, limits)
    return document


def _check_operations(document: DocumentNode) -> None:
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode) and node.operation != OperationType.QUERY:
            kind = node.operation.value
            msg = (
                f"there are no {kind}s here: predictions change nothing and are queries; "
                f"write `query` in place of `{kind}`"
            )
            raise ClientError(msg, operation=kind)


def _check(document: DocumentNode, limits: DocumentLimits) -> None:
    weighing = _Weighing(document)
    _hold("selections", weighing.selections, limits.selections)
    _hold("fields of one name beside each other", weighing.repeats, limits.repeats)
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            weight = weighing.of(node.selection_set, _Level("root"))
            _hold("levels of fields", weight.depth, limits.depth)
            _hold("predictions", weight.predictions, limits.predictions)
            _hold("aliases", weight.aliases, limits.aliases)


def _hold(what: str, count: int, limit: int) -> None:
    if count > limit:
        msg = f"the document asks for {count} {what}, above the limit of {limit}; split it"
        raise ClientError(msg, asked=count, limit=limit)


class _Weighing:
    """Weighs the selections of a document; each fragment once per place."""

    def __init__(self, document: DocumentNode) -> None:
        self._fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self._known: dict[tuple[str, str], _Weight] = {}
        sizes, repeats = [0], [0]
        for node in document.definitions:
            if isinstance(node, (OperationDefinitionNode, FragmentDefinitionNode)):
                for selected in _sets(node.selection_set):
                    sizes.append(len(selected.selections))
                    repeats.append(_repeated(selected))
        self.selections = sum(sizes)
        self.repeats = max(repeats)

    def of(self, selected: SelectionSetNode | None, place: _Level) -> _Weight:
        """What a set of selections asks for.

        Raises:
            ClientError: fields and fragments stand in each other too deeply to be looked at.
        """
        if place.steps > _STEPS:
            raise ClientError("the fields and fragments of the document are nested too deeply")
        weight = _Weight()
        for node in () if selected is None else selected.selections:
            weight = weight.with_(self._one(node, place))
        return weight

    def _one(self, node: SelectionNode, place: _Level) -> _Weight:
        if isinstance(node, FieldNode):
            return self._field(node, place)
        if isinstance(node, InlineFragmentNode):
            return self.of(node.selection_set, place.beside())
        if isinstance(node, FragmentSpreadNode):
            return self._spread(node.name.value, place)
        return _Weight()

    def _field(self, node: FieldNode, place: _Level) -> _Weight:
        inner = self.of(node.selection_set, place.within(node.name.value))
        return _Weight(
            0 if place.name == "introspection" else inner.depth + 1,
            inner.predictions
            + (place.name == PREDICTIONS and not node.name.value.startswith("__")),
            inner.aliases + (node.alias is not None),
        )

    def _spread(self, name: str, place: _Level) -> _Weight:
        key = (name, place.name)
        if key not in self._known:
            # A fragment in itself weighs nothing here; validation refuses it.
            self._known[key] = _Weight()
            fragment = self._fragments.get(name)
            if fragment is not None:
                self._known[key] = self.of(fragment.selection_set, place.beside())
        return self._known[key]


def _sets(selected: SelectionSetNode) -> Iterator[SelectionSetNode]:
    """A set of fields and fragments, and those within it at all levels; nothing here recurses."""
    waiting = [selected]
    while waiting:
        selected = waiting.pop()
        yield selected
        inner = (getattr(node, "selection_set", None) for node in selected.selections)
        waiting += [one for one in inner if one is not None]


def _repeated(selected: SelectionSetNode) -> int:
    """How often the field stands in a set that stands there most often."""
    fields = (node for node in selected.selections if isinstance(node, FieldNode))
    names = Counter((node.alias or node.name).value for node in fields)
    return max(names.values(), default=0)
