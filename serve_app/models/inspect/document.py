"""Parts of a document of JSON or UBJSON, each as what it has to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from serve_app.core.columns import Array
from serve_app.errors import InvalidInput
from serve_app.models.inspect.forest import AGAIN


class Part:
    """A mapping in a document, with the words that say where it is."""

    def __init__(self, body: Any, where: str) -> None:
        """Take the mapping that stands `where`.

        Raises:
            InvalidInput: it is none.
        """
        if not isinstance(body, Mapping):
            raise InvalidInput(f"{where} is no mapping of keys; {AGAIN}")
        self._body = body
        self.where = where

    def __contains__(self, key: str) -> bool:
        return key in self._body

    def part(self, key: str) -> Part:
        """The mapping under a key; raises InvalidInput where there is none."""
        return Part(self._at(key), f"{self.where}.{key}")

    def parts(self, key: str, name: str) -> list[Part]:
        """The mappings of the list under a key, each called by a name and its number.

        Raises:
            InvalidInput: there is no such list.
        """
        listed = self._at(key)
        if not isinstance(listed, list):
            raise InvalidInput(f"{self.where}.{key} is no list; {AGAIN}")
        return [Part(one, f"{name} {number}") for number, one in enumerate(listed)]

    def text(self, key: str, otherwise: str = "") -> str:
        """The text under a key."""
        return str(self._body.get(key, otherwise))

    def require_length(self, key: str, length: int) -> None:
        """Let only a list of a length pass; raises InvalidInput."""
        values = self._body.get(key)
        if not isinstance(values, (list, np.ndarray)) or len(values) != length:
            shown = "no" if not isinstance(values, (list, np.ndarray)) else len(values)
            msg = f"{self.where}: {key} has {shown} entries in place of {length}; {AGAIN}"
            raise InvalidInput(msg)

    def length(self, key: str) -> int:
        """How many entries a list has; 0 where there is none."""
        value = self._body.get(key)
        return len(value) if isinstance(value, (list, np.ndarray)) else 0

    def count(self, key: str, otherwise: int | None = None) -> int:
        """A number of things, also where it is written as text.

        Raises:
            InvalidInput: it is none, negative, or beyond 2³¹.
        """
        value = self._body.get(key, otherwise)
        try:
            if isinstance(value, (bool, float)) or (
                # Python reads more as a number than others do: 1_0, and digits of other scripts.
                isinstance(value, str) and not (value.isascii() and value.isdecimal())
            ):
                raise TypeError
            number = int(value)
        except (TypeError, ValueError):
            msg = f"{self.where}.{key} is {str(value)[:40]!r} and no number of things; {AGAIN}"
            raise InvalidInput(msg) from None
        if not 0 <= number < 2**31:
            raise InvalidInput(f"{self.where}.{key} is {number}; {AGAIN}")
        return number

    def integers(self, key: str, *, optional: bool = False) -> Array:
        """Whole numbers, shape (n,), int64; none of them where it is `optional` and absent.

        Raises:
            InvalidInput: there is another thing under the key.
        """
        return self._numbers(key, "biu", optional=optional).astype(np.int64)

    def numbers(self, key: str, *, optional: bool = False) -> Array:
        """Numbers, shape (n,), also whole ones; raises as `integers` does."""
        return self._numbers(key, "biuf", optional=optional)

    def _numbers(self, key: str, kinds: str, *, optional: bool) -> Array:
        return _array(self.values(key, optional=optional), kinds, f"{self.where}.{key}")

    def values(self, key: str, *, optional: bool = False) -> list[Any] | Array:
        """The list or array under a key, as it stands in the document.

        Raises:
            InvalidInput: there is none.
        """
        value = self._body.get(key, [] if optional else None)
        if not isinstance(value, (list, np.ndarray)):
            raise InvalidInput(f"{self.where}.{key} is no list of numbers; {AGAIN}")
        return value

    def _at(self, key: str) -> Any:
        if key not in self._body:
            raise InvalidInput(f"{self.where} has no {key!r}; {AGAIN}")
        return self._body[key]


def joined(parts: Sequence[Part], key: str, *, optional: bool = False) -> Array:
    """Whole numbers under a key of many parts, one behind the other, int64.

    Raises:
        InvalidInput: a part has another thing there.
    """
    listed = [part.values(key, optional=optional) for part in parts]
    where = f"{parts[0].where if len(parts) == 1 else 'a tree'}: {key}"
    if all(isinstance(one, np.ndarray) for one in listed):
        return _array(np.concatenate(listed), "biu", where).astype(np.int64)
    return _array(list(chain.from_iterable(listed)), "biu", where).astype(np.int64)


def _array(value: list[Any] | Array, kinds: str, where: str) -> Array:
    if len(value) == 0:
        return np.empty(0, np.int64)
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError):
        array = np.empty((), object)
    if array.ndim != 1 or array.dtype.kind not in kinds or array.dtype == np.uint64:
        raise InvalidInput(f"{where} is no list of numbers; {AGAIN}")
    return array
