"""Values of other people in a Dockerfile: checked, then written so that they stay one value."""

from __future__ import annotations

import re
import unicodedata

from serve_app.errors import InvalidInput

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# A registry's host and port, a path of lower-case parts, a tag.
_NAME = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?(?::[0-9]{1,5})?/)?"
    r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?"
)


def image_reference(given: str, what: str) -> str:
    """Let only images pass that are named with their digest.

    `what` says which image it is, as the message shall name it.

    Raises:
        InvalidInput: it has no digest, or is no name of an image.
    """
    name, mark, digest = given.partition("@")
    if not mark:
        msg = (
            f"{what} {given!r} has no digest: a tag names another image tomorrow; write "
            "NAME@sha256:…, which `skopeo inspect docker://NAME` shows"
        )
        raise InvalidInput(msg)
    if _NAME.fullmatch(name) is None or _DIGEST.fullmatch(digest) is None:
        msg = f"{what} {given!r} is no name of an image; write NAME@sha256: and 64 digits"
        raise InvalidInput(msg)
    return given


def quoted(value: str, what: str) -> str:
    """A value in double quotes, in which nothing is left for a builder to replace.

    Raises:
        InvalidInput: it holds a line break or another control character.
    """
    if any(unicodedata.category(one) in {"Cc", "Zl", "Zp"} for one in value):
        msg = (
            f"{what} {value!r} holds a line break or another control character, with which a "
            "Dockerfile would say something else; leave it out"
        )
        raise InvalidInput(msg)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'


def labels(given: dict[str, str]) -> list[str]:
    """`LABEL` lines, one a label, in order of their keys.

    Raises:
        InvalidInput: a key is no key of a label, or a value holds a control character.
    """
    for key in given:
        if re.fullmatch(r"[a-z0-9]+(?:[.-][a-z0-9]+)*", key) is None:
            msg = f"the label {key!r} is no key: lower-case letters, digits, '.' and '-' only"
            raise InvalidInput(msg)
    return [f"LABEL {key}={quoted(one, f'the label {key}')}" for key, one in sorted(given.items())]
