"""What MLflow's scoring server says of bodies that it cannot read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from serve_app.errors import BadEncoding

NO_JSON = "Failed to parse input from JSON. Ensure that input is a valid JSON formatted string."
_NO_FORM = "The input must be a JSON dictionary with exactly one of the input fields"
_NO_FRAME = "Provided {} field is not a valid dataframe representation."


def begun(error: BadEncoding, words: str) -> BadEncoding:
    """The same error, with MLflow's words before its own."""
    return BadEncoding(f"{words} {error.message}".lstrip(), **error.details)


def of_document(document: Any, forms: Sequence[str]) -> str:
    """What MLflow says of a JSON document that has none of the forms, or is none; may be empty."""
    if not isinstance(document, dict):
        return f"{_NO_FORM} {{{', '.join(map(repr, forms))}}}. Received a {_kind(document)}:"
    given = [form for form in forms if form in document]
    if len(given) != 1:
        return f"{_NO_FORM} {{{', '.join(map(repr, forms))}}}:"
    (form,) = given
    content = document[form]
    if form == "dataframe_split" and not isinstance(content, dict):
        return f"Dataframe split format must be a dictionary. Got {_kind(content)}."
    if form == "dataframe_records" and not isinstance(content, list):
        return f"Dataframe records format must be a list of records. Got {_kind(content)}."
    beside = isinstance(document.get("params", {}), dict)
    return _NO_FRAME.format(form) if form.startswith("dataframe") and beside else ""


def _kind(value: Any) -> str:
    kinds: dict[type, str] = {dict: "dictionary", list: "list"}
    return kinds.get(type(value), f"type {type(value).__name__}")
