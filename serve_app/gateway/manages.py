"""What the calls of other systems let people change of what is served."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from serve_app.core.caller import Caller
from serve_app.engine.stages import Stage
from serve_app.gateway.wish import Wish


class Manages(Protocol):
    """Adds, replaces, scales and removes endpoints for those who may; raises ServeErrors.

    Forbidden: who asks may not. NotPermitted: the config does not let requests change that.
    """

    def url_of(self, endpoint: str) -> str | None:
        """Where the model of an endpoint was loaded from; none where that is not known."""
        ...

    def reference(self, address: str) -> str:
        """The version of the registry that an address of a model names."""
        ...

    async def add(self, wish: Wish, reference: str, *, replicas: int | None = None) -> str:
        """Let an endpoint that there is none of answer by a version; gives that."""
        ...

    async def reload(self, wish: Wish, stage: Stage) -> None:
        """Let the newest version of its model answer, where another does and it is managed."""
        ...

    async def set_default(self, wish: Wish, stage: Stage, version: str) -> str:
        """Let another version of its model answer for an endpoint; gives that."""
        ...

    async def scale(self, wish: Wish, least: int, most: int, *, waits: bool = True) -> None:
        """Let each version of an endpoint have so many replicas."""
        ...

    async def remove(self, wish: Wish) -> None:
        """Let an endpoint answer no more."""
        ...

    async def not_served(self, caller: Caller, served: Iterable[str]) -> Mapping[str, int]:
        """The newest versions of models that a caller could let answer under their own names."""
        ...
