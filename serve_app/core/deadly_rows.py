"""Which rows are suspected of ending whoever computes them, and which are known to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from serve_app.core.cache import Key
from serve_app.errors import RowsRefused

if TYPE_CHECKING:
    from serve_app.core.ports import Clock

REFUSED_S = 600.0
"""So long rows are refused once they have ended two replicas."""
MOST_REFUSED = 10_000
Request = tuple[Key, ...]
"""The keys of all rows of a request, in order."""


class DeadlyRows:
    """Requests to one version by the rows that they are about.

    Of a request with one row that row is known from then on, in whichever request it comes. Of
    one with several nobody knows which it is: the request is known, as it was.
    """

    def __init__(self, version: str, *, clock: Clock) -> None:
        self._version = version
        self._clock = clock
        self._suspected: Counter[Request] = Counter()
        self._refused_until_s: dict[Request, float] = {}

    @contextmanager
    def suspecting(self, keys: Sequence[Key]) -> Iterator[None]:
        """Within this a request is suspected, since a replica died with it."""
        request = tuple(keys)
        self._suspected[request] += 1
        try:
            yield
        finally:
            self._suspected[request] -= 1
            if not self._suspected[request]:
                del self._suspected[request]

    def suspects(self, keys: Sequence[Key]) -> bool:
        """Whether a request is one of those that are suspected, or has the row of one."""
        return tuple(keys) in self._suspected or any((key,) in self._suspected for key in keys)

    def condemn(self, keys: Sequence[Key]) -> RowsRefused:
        """Refuse a request from now on, and give what is said of it."""
        while len(self._refused_until_s) >= MOST_REFUSED:
            del self._refused_until_s[next(iter(self._refused_until_s))]
        self._refused_until_s[tuple(keys)] = self._clock() + REFUSED_S
        return self._refusal(None)

    def require_harmless(self, keys: Sequence[Key]) -> None:
        """Return where nothing is known against any row of a request.

        Raises:
            RowsRefused: it has ended two replicas, or one of its rows has.
        """
        if self._is_refused(tuple(keys)):
            raise self._refusal(None)
        for row, key in enumerate(keys):
            if self._is_refused((key,)):
                raise self._refusal(row)

    @property
    def refused(self) -> int:
        """How many requests are refused now."""
        now_s = self._clock()
        self._refused_until_s = {
            request: until_s
            for request, until_s in self._refused_until_s.items()
            if until_s > now_s
        }
        return len(self._refused_until_s)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is suspected or refused."""
        return not self._suspected and not self.refused

    def _is_refused(self, request: Request) -> bool:
        return self._refused_until_s.get(request, float("-inf")) > self._clock()

    def _refusal(self, row: int | None) -> RowsRefused:
        what = "these rows have" if row is None else f"row {row} has"
        msg = (
            f"{what} ended two replicas of {self._version} that computed them, so that for "
            f"{REFUSED_S / 60:g} minutes it is not given them again; ask another version, or "
            "have the model looked at"
        )
        return RowsRefused(msg) if row is None else RowsRefused(msg, row=row)
