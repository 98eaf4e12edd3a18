"""Coroutines that are begun where they are made: most have nothing to wait for, and end at once.

So neither a task nor a clock is made for what is over before either would have been of use.
"""

from __future__ import annotations

import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ended(Generic[T]):
    """What a coroutine gave that is over."""

    value: T


def begun(coroutine: Coroutine[Any, Any, T]) -> Ended[T] | Awaitable[T]:
    """Begin a coroutine, outside of any task of its own: what it gave, or what is left of it.

    Raises whatever it raises at once.
    """
    try:
        awaited = coroutine.send(None)
    except StopIteration as ended:
        return Ended(ended.value)
    return _rest(coroutine, awaited)


@types.coroutine
def _rest(coroutine: Coroutine[Any, Any, T], awaited: Any) -> Generator[Any, Any, T]:
    """The rest of a coroutine that waits for something already."""
    step: Callable[[Any], Any]
    while True:
        try:
            argument = yield awaited
            step = coroutine.send
        except BaseException as error:  # noqa: BLE001 - a cancellation above all; it is its own
            step, argument = coroutine.throw, error
        try:
            awaited = step(argument)
        except StopIteration as ended:
            value: T = ended.value
            return value
