"""Callers that ask beside each other are worked on in turns, so that no flood stands before others.

What a flood leaves in a process has to be worked off before anything that comes behind it: with 64
requests on their way each step of another one waits for 64 steps. So while several callers ask, no
more requests are worked on at once than are answered without delay, and the others wait where they
cost nothing. Each caller has one place of its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Self

from serve_app.core.concurrency import ConcurrencyBounds, ConcurrencyLimit
from serve_app.core.offload import LARGE_BYTES
from serve_app.core.ongoing import Ongoing
from serve_app.errors import Overloaded

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from serve_app.core.ports import Clock

BESIDE_S = 5.0
"""So long after another one asked a caller counts as asking beside it. Less is done at once then,
so that whoever asks now and then, as a probe does, is to cost the others nothing in between."""
MOST_WAIT_S = 10.0
"""Nobody waits longer for a turn; that is less than a body may take to arrive."""
SOON_S = 1.0
FEW = 4
"""So many short requests of a caller begin at once: whoever has no more floods nobody."""
BOUNDS = ConcurrencyBounds(least=1, most=1000, first=2, growth=0.25, slack_s=0.005)
"""Of how many are worked on at once: one too many is half of all delay, and few milliseconds are
nobody's. So steps are small."""


@dataclass(slots=True, eq=False)
class _Owner:
    """How many requests of one caller are worked on, and which wait."""

    working: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)


class Begun(NamedTuple):
    """When a request began, how long it waited for that, and whether several callers ask."""

    since_s: float
    waited_s: float
    beside: bool


class Sharing:
    """Whose requests are worked on in one process. Not for several threads.

    A caller alone has as many as it likes. Nobody waits longer than `most_wait_s`. `clock` is one
    that nobody sets, `draw` gives numbers from 0 to 1.
    """

    def __init__(
        self, *, clock: Clock, draw: Callable[[], float], most_wait_s: float = MOST_WAIT_S
    ) -> None:
        self._clock = clock
        self._most_wait_s = most_wait_s
        self._limit = ConcurrencyLimit(BOUNDS, clock=clock, draw=draw)
        self._owners: dict[str, _Owner] = {}
        self._in_turn: dict[str, _Owner] = {}
        self._waits = Ongoing(clock=clock)
        self._latest: str | None = None
        self._beside_until_s = clock()

    @property
    def waiting(self) -> int:
        """How many requests wait for their turn now."""
        return self._waits.now

    def read(self) -> float:
        """How many waited at once since the last reading, on average over time."""
        return self._waits.read()

    def turn(self, owner: str) -> Turn:
        """The turn of a request of a caller's, which has not begun yet."""
        return Turn(self, owner)

    async def begin(self, owner: str, size_bytes: int = 0) -> Begun:
        """Return once a request of such a size may be worked on.

        Raises:
            Overloaded: too many of this caller's come before it.
        """
        came_s = now_s = self._clock()
        turn = self._enter(owner, size_bytes, now_s)
        if turn is not None:
            try:
                async with asyncio.timeout(self._most_wait_s):
                    await turn
            except TimeoutError:
                self._give_up(owner, turn)
                msg = (
                    f"{owner} has more requests on their way than are answered beside those of "
                    f"others; try again in {SOON_S:g} s, with fewer at once"
                )
                raise Overloaded(msg, retry_after_s=SOON_S, limit="turns") from None
            except BaseException:
                self._give_up(owner, turn)
                raise
            now_s = self._clock()
        return Begun(now_s, now_s - came_s, self._are_several(now_s))

    def _are_several(self, now_s: float) -> bool:
        return now_s < self._beside_until_s

    def _enter(self, owner: str, size_bytes: int, now_s: float) -> asyncio.Future[None] | None:
        """Let a request begin, at once or once what comes back is done."""
        if owner != self._latest:
            if self._latest is not None:
                self._beside_until_s = now_s + BESIDE_S
            self._latest = owner
        own = self._owners.get(owner)
        if own is None:
            own = self._owners[owner] = _Owner()
        elif self._are_several(now_s) and not self._may_begin(own, size_bytes):
            turn = asyncio.get_running_loop().create_future()
            own.waiting.append(turn)
            self._in_turn.setdefault(owner, own)
            self._waits.change(1)
            return turn
        own.working += 1
        self._limit.enter()
        return None

    def _may_begin(self, own: _Owner, size_bytes: int) -> bool:
        """Whether a request need not wait: its caller has few, or there is room for more."""
        if own.working < (FEW if size_bytes < LARGE_BYTES else 1):
            return not own.waiting
        return not self._in_turn and self._has_room()

    def _give_up(self, owner: str, turn: asyncio.Future[None]) -> None:
        """Wait for a turn no more, which may have come meanwhile."""
        if not turn.cancelled():
            self.leave(owner, 0.0, None)
            return
        own = self._owners.get(owner)
        if own is not None and turn in own.waiting:
            own.waiting.remove(turn)
            self._waits.change(-1)
            if not own.waiting:
                del self._in_turn[owner]

    def leave(self, owner: str, since_s: float, size_bytes: int | None) -> None:
        """Let another one begin in place of one that is done.

        How long it took counts where its size is known.
        """
        self._limit.leave(since_s, size_bytes)
        own = self._owners[owner]
        own.working -= 1
        while own.waiting and not own.working:
            self._begin(owner, own)
        while self._in_turn and (self._has_room() or not self._are_several(self._clock())):
            first = next(iter(self._in_turn))
            self._begin(first, self._in_turn[first])
        if not own.working:
            del self._owners[owner]

    def _begin(self, owner: str, own: _Owner) -> None:
        """Let the first one of a caller's begin, who comes behind all others then.

        It may have been given up already.
        """
        turn = own.waiting.popleft()
        del self._in_turn[owner]
        if own.waiting:
            self._in_turn[owner] = own
        self._waits.change(-1)
        if not turn.done():
            own.working += 1
            self._limit.enter()
            turn.set_result(None)

    def _has_room(self) -> bool:
        return self._limit.in_flight < self._limit.limit


class Turn:
    """One request's turn, a context: it is over when the request is answered."""

    __slots__ = ("_begun", "_owner", "_sharing", "size_bytes")

    def __init__(self, sharing: Sharing, owner: str) -> None:
        self._sharing = sharing
        self._owner = owner
        self._begun: Begun | None = None
        self.size_bytes = 0

    @property
    def has_begun(self) -> bool:
        """Whether the request is worked on."""
        return self._begun is not None

    @property
    def waited_s(self) -> float:
        """How long the request waited for its turn."""
        return 0.0 if self._begun is None else self._begun.waited_s

    async def begin(self) -> None:
        """Return once the request may be worked on; raises as `Sharing.begin` does."""
        self._begun = await self._sharing.begin(self._owner, self.size_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._begun is not None:
            # What was refused or failed says nothing of how long answers take.
            known = self._begun.beside and error is None
            size_bytes = self.size_bytes if known else None
            self._sharing.leave(self._owner, self._begun.since_s, size_bytes)
