"""The words that name things: models, numbers of versions, aliases, and references to them.

`diagnosis-xgb@3` names a version, `diagnosis-xgb@champion` whatever the alias names now.
"""

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
    parsed = number(version)
    if is_model(model) and (parsed is not None or is_alias(version)):
        return model, version if parsed is None else parsed
    shown = model if is_model(model) else "diagnosis-xgb"
    msg = (
        f"{reference!r} does not name a version: write model@number, such as {shown}@1, "
        f"or model@alias, such as {shown}@champion"
    )
    raise InvalidInput(msg, reference=reference)


def alias_of(reference: str) -> str | None:
    """The alias by which a reference names a version; none where a number does."""
    _, _, version = reference.partition("@")
    return version if is_alias(version) else None


def is_version(reference: str) -> bool:
    """Whether it names a version by its number, as `diagnosis-xgb@3` does."""
    model, _, version = reference.partition("@")
    return is_model(model) and number(version) is not None


def split_version(reference: str) -> tuple[str, int]:
    """Take `diagnosis-xgb@3` apart into its model and its number.

    Raises:
        InvalidInput: it names no version by its number.
    """
    model, _, version = reference.partition("@")
    parsed = number(version)
    if parsed is None or not is_model(model):
        msg = f"{reference!r} does not name a version; write model@number, such as diagnosis-xgb@1"
        raise InvalidInput(msg, reference=reference)
    return model, parsed


def model_of(reference: str) -> str:
    """The model that a reference names, whatever stands behind its `@`."""
    return reference.partition("@")[0]


def number_of(reference: str) -> str:
    """What stands behind the `@` of a version's name, as text; all of it where there is none."""
    return reference.rpartition("@")[2]


def application_name(reference: str) -> str:
    """The name of the Serve application that holds a version: `diagnosis-xgb-3`.

    One that holds whatever an alias names is called after that: `diagnosis-xgb-champion`.

    Raises:
        InvalidInput: it names no version.
    """
    model, version = parse(reference)
    return f"{model}-{version}"


def declared_as(version: str, alias: str | None) -> str:
    """How a declaration names a version: by an alias of its model where it does, or as it is."""
    return version if alias is None else f"{model_of(version)}@{alias}"
