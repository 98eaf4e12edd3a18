"""Text that nobody is to read by accident."""

from __future__ import annotations

import hmac
from typing import Any, NoReturn

from serve_app.redaction import CUT


class Secret:
    """A password, key or URL that is one: `***` wherever it is printed, logged or formatted.

    It cannot be pickled, and JSON has no word for it.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself, for whoever it is meant for."""
        return self._value

    def __repr__(self) -> str:
        return CUT

    def __format__(self, spec: str) -> str:
        return CUT

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret stays where it was read")

    def __getstate__(self) -> Any:
        raise TypeError("a secret stays where it was read")
