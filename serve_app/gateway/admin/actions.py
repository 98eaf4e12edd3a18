"""What the admin API can do, whoever does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from serve_app.core.events import Event


@dataclass(frozen=True, slots=True)
class Change:
    """Who changes something, and why, as they say."""

    who: str
    why: str = ""


class AdminActions(Protocol):
    """Everything that the admin API lets people see and change. Raises ServeErrors."""

    async def status(self) -> Mapping[str, Any]:
        """What is in effect in the whole cluster."""
        ...

    async def applications(self) -> Mapping[str, Any]:
        """The applications of the cluster with their deployments and replicas."""
        ...

    async def set_weights(
        self, endpoint: str, weights: Mapping[str, float], change: Change
    ) -> Mapping[str, Any]:
        """Change weights, and give the snapshot that stands then."""
        ...

    async def models(self) -> list[Mapping[str, Any]]:
        """All models with their versions and aliases."""
        ...

    async def version(self, model: str, number: int) -> Mapping[str, Any]:
        """The manifest of a version."""
        ...

    async def aliases(self, model: str) -> list[Mapping[str, Any]]:
        """Every move of every alias of a model, oldest first."""
        ...

    async def move_alias(
        self, model: str, alias: str, move: AliasChange, change: Change
    ) -> Mapping[str, Any]:
        """Let an alias name another version, or none."""
        ...

    async def events(self, limit: int, kind: str | None, subject: str | None) -> list[Event]:
        """What was changed, the newest first."""
        ...


@dataclass(frozen=True, slots=True)
class AliasChange:
    """Where an alias is to be moved: `version` is None to remove it.

    With `is_expected`, it is moved only where it names `expected` now (None: nothing yet).
    """

    version: int | None
    is_expected: bool = False
    expected: int | None = None
