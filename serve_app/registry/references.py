"""The words that name things in a registry: models, numbers, aliases, and references to them."""

from __future__ import annotations

import re

from serve_app.errors import InvalidInput

_MODEL = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_ALIAS = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


def is_model(name: str) -> bool:
    """Whether a model can have this name."""
    return _MODEL.fullmatch(name) is not None


def is_alias(name: str) -> bool:
    """Whether an alias can have this name."""
    return _ALIAS.fullmatch(name) is not None


def number(text: str) -> int | None:
    """The number that `12` writes; none for `012`, `0`, `-1` and everything else."""
    return int(text) if _NUMBER.fullmatch(text) else None


def check_model(name: str) -> None:
    """Let only names pass that a model can have.

    Raises:
        InvalidInput: it cannot.
    """
    if not is_model(name):
        msg = (
            f"{name!r} cannot name a model: use lower-case letters, digits, - and _, "
            "at most 63 of them, the first a letter or a digit"
        )
        raise InvalidInput(msg, name=name)


def check_alias(alias: str) -> None:
    """Let only names pass that an alias can have.

    Raises:
        InvalidInput: it cannot.
    """
    if not is_alias(alias):
        msg = (
            f"{alias!r} cannot be an alias: use lower-case letters, digits, - and _, at most "
            "63 of them, the first a letter (a number would look like a version)"
        )
        raise InvalidInput(msg, alias=alias)


def parse(reference: str) -> tuple[str, int | str]:
    """Take `name@3` or `name@champion` apart into the name and the number or alias.

    Raises:
        InvalidInput: it is neither; says what to write.
    """
    model, _, version = reference.partition("@")
    found = number(version)
    if is_model(model) and (found is not None or is_alias(version)):
        return model, version if found is None else found
    shown = model if is_model(model) else "diagnosis-xgb"
    msg = (
        f"{reference!r} does not name a version: write model@number, such as {shown}@1, "
        f"or model@alias, such as {shown}@champion"
    )
    raise InvalidInput(msg, reference=reference)
