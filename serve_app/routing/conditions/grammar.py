"""Reads the text of a condition into what was written, without knowing any columns yet."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from serve_app.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_CHARACTERS = 1_000
MOST_DEPTH = 20
"""How many `not` and groups may stand within each other."""

_GRAMMAR = r"""
?start: disjunction
?disjunction: conjunction ("or" conjunction)*
?conjunction: negation ("and" negation)*
?negation: "not" negation -> negated
    | "(" disjunction ")"
    | condition
condition: operand (OPERATOR operand)*
    | operand "in" list -> within
    | operand "not" "in" list -> outside
    | operand "is" "null" -> absent
    | operand "is" "not" "null" -> present
list: "[" literal ("," literal)* "]"
?operand: literal
    | NAME -> name
    | NAME "(" STRING ")" -> call
literal: NUMBER | STRING | TRUE | FALSE | NULL
TRUE: "true"
FALSE: "false"
NULL: "null"
OPERATOR: "==" | "!=" | "<=" | ">=" | "<" | ">"
NAME: /[^\W\d]\w*/
NUMBER: /[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?/
STRING: /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/
%ignore /\s+/
"""
_HINTS: Mapping[str, str] = {
    "=": "write == to compare",
    "&": "write `and`",
    "|": "write `or`",
    "!": "write `not`, or != to compare",
}
_EXAMPLE = 'such as country == "DE" and age > 60'
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant, and the character at which it stands (from 1)."""

    value: str | float | bool | None
    at: int


@dataclass(frozen=True, slots=True)
class Name:
    """A column, or `caller`; with a `function`, what that makes of the name."""

    name: str
    at: int
    function: str | None = None


Operand = Literal | Name


@dataclass(frozen=True, slots=True)
class Comparison:
    """Operands with the operators between them; one operand alone is to be true."""

    operands: tuple[Operand, ...]
    operators: tuple[str, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Membership:
    """Whether an operand is one of some constants, or with `negated` none of them."""

    operand: Operand
    constants: tuple[Literal, ...]
    negated: bool
    at: int


@dataclass(frozen=True, slots=True)
class Absence:
    """Whether an operand is null, or with `negated` is not."""

    operand: Operand
    negated: bool
    at: int


@dataclass(frozen=True, slots=True)
class Joined:
    """Conditions joined by `and` or by `or`."""

    word: str
    parts: tuple[Written, ...]


@dataclass(frozen=True, slots=True)
class Negated:
    """The contrary of a condition."""

    part: Written


Written = Comparison | Membership | Absence | Joined | Negated


def parse(text: str) -> Written:
    """What a condition says.

    Raises:
        ConfigError: it is too long or nested too deep, or no condition; says at which character.
    """
    if len(text) > MOST_CHARACTERS:
        raise ConfigError(
            f"the condition has {len(text)} characters, more than {MOST_CHARACTERS}; write several "
            "rules, or `in [...]` for many values"
        )
    if not text.strip():
        raise ConfigError(f"the condition is empty; write one, {_EXAMPLE}, or true")
    import lark  # noqa: PLC0415 - only routes with conditions need it

    try:
        tree = _parser().parse(text)
    except lark.exceptions.UnexpectedInput as error:
        raise ConfigError(_unreadable(text, error)) from None
    return _condition(tree, 0)


@functools.cache
def _parser() -> Any:
    import lark  # noqa: PLC0415

    return lark.Lark(_GRAMMAR, parser="lalr", propagate_positions=True)


def _unreadable(text: str, error: Any) -> str:
    at = error.pos_in_stream
    token = getattr(error, "token", None)
    if at is None or at < 0 or (token is not None and token.type == "$END"):
        return f"the condition ends too early, after {text.strip()[-20:]!r}; write one {_EXAMPLE}"
    rest = text[at : at + 20]
    hint = _HINTS.get(rest[:1], f"write a condition {_EXAMPLE}")
    if rest[:1] in "\"'" and text.count(rest[0], at) == 1:
        hint = f"the text is not closed; end it with {rest[0]}"
    return f"the condition cannot be read at character {at + 1}, at {rest!r}: {hint}"


def _condition(tree: Any, depth: int) -> Written:
    if depth > MOST_DEPTH:
        raise ConfigError(
            f"the condition is nested more than {MOST_DEPTH} deep; write several rules"
        )
    children, at = tree.children, tree.meta.start_pos + 1
    if tree.data in {"disjunction", "conjunction"}:
        parts = tuple(_condition(child, depth + 1) for child in children)
        return Joined("or" if tree.data == "disjunction" else "and", parts)
    if tree.data == "negated":
        return Negated(_condition(children[0], depth + 1))
    if tree.data in {"within", "outside"}:
        constants = tuple(_literal(child) for child in children[1].children)
        return Membership(_operand(children[0]), constants, tree.data == "outside", at)
    if tree.data in {"absent", "present"}:
        return Absence(_operand(children[0]), tree.data == "present", at)
    operands = tuple(_operand(child) for child in children[::2])
    return Comparison(operands, tuple(map(str, children[1::2])), at)


def _operand(tree: Any) -> Operand:
    if tree.data == "literal":
        return _literal(tree)
    name = str(tree.children[0])
    if tree.data == "call":
        return Name(_text(tree.children[1]), tree.meta.start_pos + 1, name)
    return Name(name, tree.meta.start_pos + 1)


def _literal(tree: Any) -> Literal:
    token = tree.children[0]
    values: dict[str, bool | None] = {"TRUE": True, "FALSE": False, "NULL": None}
    if token.type in values:
        return Literal(values[token.type], tree.meta.start_pos + 1)
    if token.type == "STRING":
        return Literal(_text(token), tree.meta.start_pos + 1)
    return Literal(_number(str(token)), tree.meta.start_pos + 1)


def _number(text: str) -> float:
    number = float(text)
    # So that messages say 60 where people wrote 60.
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _text(token: str) -> str:
    return _ESCAPED.sub(r"\1", token[1:-1])
