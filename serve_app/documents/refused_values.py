"""What is wrong with a value that a pydantic model refused, in words that name the value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from serve_app.documents.near_names import did_you_mean
from serve_app.redaction import without_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails, ValidationError

_LONGEST = 60
_BOUNDS: Mapping[str, tuple[str, str]] = {
    "greater_than": ("gt", "greater than"),
    "greater_than_equal": ("ge", "greater than or equal to"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "less than or equal to"),
}
_KINDS: Mapping[str, str] = {
    "bool_parsing": "neither true nor false",
    "bool_type": "neither true nor false",
    "float_parsing": "not a valid number",
    "float_type": "not a valid number",
    "int_from_float": "not a whole number",
    "int_parsing": "not a whole number",
    "int_type": "not a whole number",
    "finite_number": "not a finite number",
}

# What was to be text may be a secret, so that values are not repeated.
_FORMS: Mapping[str, str] = {
    "string_type": "this has to be text; put it in quotes",
    "list_type": "this has to be a list",
    "tuple_type": "this has to be a list",
    "dict_type": "this has to have keys of its own",
    "model_type": "this has to have keys of its own",
}


def refusals(error: ValidationError) -> list[ErrorDetails]:
    """The `errors()` of an error, but for lists that lack refused items alone."""
    return [
        problem
        for problem in error.errors()
        if problem["type"] != "too_short" or len(problem["input"]) < problem["ctx"]["min_length"]
    ]


def words_of(problem: ErrorDetails) -> str:
    """One of the `refusals` of a `ValidationError`, as a sentence for who wrote the value.

    Bounds name the value and what it may be, choices those that there are and the one that was
    meant, if any is near. Whatever else it is keeps pydantic's words.
    """
    kind, value, context = problem["type"], problem["input"], problem.get("ctx", {})
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return f"{_short(value)} is out of range; it has to be {words} {context[key]:g}"
    if kind in _KINDS:
        return f"{_short(value)} is {_KINDS[kind]}"
    if kind in _FORMS:
        return _FORMS[kind]
    if kind == "literal_error":
        return _choice(value, context["expected"])
    if kind == "too_short":
        return f"{context['actual_length']} given, and at least {context['min_length']} needed"
    return problem["msg"].removeprefix("Value error, ")


def _choice(value: Any, expected: str) -> str:
    known = expected.replace("'", "").replace(" or ", ", ").split(", ")
    near = did_you_mean(value, known) if isinstance(value, str) else ""
    return f"{_short(value)} is not one of {expected}.{near}"


def _short(value: Any) -> str:
    # A secret that is cut off in its middle is not known as one any more.
    text = without_secrets(repr(value))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
