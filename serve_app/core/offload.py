"""Work that takes more than a few milliseconds, beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

LARGE_BYTES = 64 * 1024
"""Reading a longer body takes more than a millisecond or two."""
LARGE_CELLS = 10_000
"""So does looking at more values than that."""
LARGE_ROWS = 500
"""And writing what was said of more rows."""


class Offload:
    """Runs functions in an executor while the event loop goes on; without one, in place.

    What a request begins with can have a `first` executor of its own. Handing a function over takes
    about 0.1 ms, so that short ones are better called directly.
    """

    def __init__(self, executor: Executor | None = None, first: Executor | None = None) -> None:
        self._executor = executor
        self._first = first or executor

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function returns; raises what it raises."""
        return await self._run(self._executor, lambda: function(*args, **kwargs))

    async def begin(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same of the first step of a request, such as to read its body."""
        return await self._run(self._first, lambda: function(*args, **kwargs))

    async def _run(self, executor: Executor | None, function: Callable[[], T]) -> T:
        if executor is None:
            return function()
        return await asyncio.get_running_loop().run_in_executor(executor, function)


IN_PLACE = Offload()
