"""Version numbers as paths write them."""

from __future__ import annotations

from collections.abc import Mapping

from serve_app.errors import InvalidInput

_MOST = 2**63 - 1
_DIGITS = len(str(_MOST))


def named(parameters: Mapping[str, str]) -> str | None:
    """The version that a path names, without zeros before its number; none where it names none.

    Raises:
        InvalidInput: it is a number beyond 64 bits, which no version can have.
    """
    version = parameters.get("version")
    if version is None or not (version.isascii() and version.isdigit()):
        return version
    number = version.lstrip("0") or "0"
    if len(number) > _DIGITS or int(number) > _MOST:
        # TensorFlow Serving's first words.
        msg = f"Failed to convert version: {version[:80]} to numeric; versions have at most 63 bits"
        raise InvalidInput(msg)
    return number
