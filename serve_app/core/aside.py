"""Work that takes long, beside all else and one call at a time: it never keeps a prediction."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from serve_app.errors import Overloaded

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")

MOST_CALLS = 16
RETRY_AFTER_S = 1.0


class Aside:
    """Runs functions in a thread of its own, in the order in which they come.

    At most `most_calls` wait or run at a time. One that is cancelled before it began never runs.
    """

    def __init__(self, name: str, *, most_calls: int = MOST_CALLS) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._name = name
        self._most = most_calls
        self._calls = 0

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function returns; raises what it raises.

        Raises:
            Overloaded: too many wait already.
        """
        if self._calls >= self._most:
            msg = f"{self._calls} requests for an {self._name} wait here already; try again later"
            raise Overloaded(msg, retry_after_s=RETRY_AFTER_S)
        self._calls += 1
        future = self._thread.submit(function, *args, **kwargs)
        loop = asyncio.get_running_loop()
        # From the thread, where the function ends, whether or not somebody waits for it still.
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._ended))
        return await asyncio.wrap_future(future)

    def _ended(self) -> None:
        self._calls -= 1
