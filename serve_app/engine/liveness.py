"""Which versions have a living replica, and with that which endpoints could answer now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from serve_app.routing import route_of

if TYPE_CHECKING:
    from serve_app.core.ports import Clock
    from serve_app.core.snapshot import Endpoint

IsAlive = Callable[[str], bool]


def always(version: str) -> bool:  # noqa: ARG001
    """Every version is alive, where nobody looks."""
    return True


class Liveness:
    """Which versions answered when they were looked at last.

    A version that nobody has looked at, or not within the last `forget_after_s`, counts as
    alive: endpoints stand only once their versions have answered.
    """

    def __init__(self, *, clock: Clock, forget_after_s: float) -> None:
        self._clock = clock
        self._forget_after_s = forget_after_s
        self._looks: dict[str, tuple[float, bool]] = {}

    def update(self, alive: Mapping[str, bool]) -> None:
        """Take what a look at some versions gave; of all others nothing is remembered."""
        now = self._clock()
        self._looks = {version: (now, answered) for version, answered in alive.items()}

    def is_alive(self, version: str) -> bool:
        """Whether a version answered at the last look."""
        look = self._looks.get(version)
        return look is None or look[1] or self._clock() - look[0] > self._forget_after_s


def can_answer(spec: Endpoint, is_alive: IsAlive, version: str | None = None) -> bool:
    """Whether an endpoint could answer now, or one of its versions where that is named."""
    if spec.preprocess is not None and not is_alive(spec.preprocess.version):
        return False
    if version is not None:
        return is_alive(version)
    alive = sum(v.weight > 0 and is_alive(v.version) for v in spec.variants)
    is_combined = spec.meta is None or is_alive(spec.meta.version)
    if is_combined and alive >= route_of(spec.route).needed:
        return True
    return spec.fallback is not None and is_alive(spec.fallback.version)
