"""Movable names for versions, each with the history of its moves.

A move is a numbered file that is created whole and never changed; the highest number
stands. Two who move an alias at the same time both stand in its history.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime

from serve_app.errors import InvalidInput
from serve_app.registry.files import Files

_ALIAS = re.compile(r"^[a-z][a-z0-9_-]{0,62}$")


@dataclass(frozen=True, slots=True)
class AliasMove:
    """One move of an alias: to which version, from which, when, by whom, and why."""

    version: int
    previous: int | None
    moved_at: str
    by: str
    reason: str | None = None


class Aliases:
    """The aliases of all models of a registry."""

    def __init__(self, files: Files, now: Callable[[], datetime]) -> None:
        self._files = files
        self._now = now

    def move(
        self, model: str, alias: str, version: int, *, by: str, reason: str | None
    ) -> AliasMove:
        """Let an alias name a version from now on.

        Raises:
            InvalidInput: the alias cannot be one.
        """
        if not _ALIAS.match(alias):
            msg = (
                f"{alias!r} cannot be an alias: use lower-case letters, digits, - and _, "
                "the first a letter (a number would look like a version)"
            )
            raise InvalidInput(msg)
        while True:
            numbers = self._numbers(model, alias)
            history = self.history(model, alias)
            move = AliasMove(
                version=version,
                previous=history[-1].version if history else None,
                moved_at=self._now().isoformat(timespec="seconds"),
                by=by,
                reason=reason,
            )
            number = max(numbers, default=0) + 1
            if self._files.create(self._path(model, alias, number), _encoded(move)):
                return move

    def current(self, model: str) -> dict[str, int]:
        """All aliases of a model with the versions that they name."""
        found: dict[str, int] = {}
        for alias in self._files.names(f"{model}/aliases"):
            history = self.history(model, alias)
            if history:
                found[alias] = history[-1].version
        return found

    def history(self, model: str, alias: str) -> list[AliasMove]:
        """Every move of an alias, oldest first; a damaged record is passed over."""
        moves: list[AliasMove] = []
        for number in self._numbers(model, alias):
            content = self._files.read(self._path(model, alias, number))
            try:
                moves.append(AliasMove(**json.loads(content or b"")))
            except (ValueError, TypeError):
                continue
        return moves

    def _numbers(self, model: str, alias: str) -> list[int]:
        names = self._files.names(f"{model}/aliases/{alias}")
        stems = (name.removesuffix(".json") for name in names if name.endswith(".json"))
        return sorted(int(stem) for stem in stems if stem.isdigit())

    @staticmethod
    def _path(model: str, alias: str, number: int) -> str:
        return f"{model}/aliases/{alias}/{number}.json"


def _encoded(move: AliasMove) -> bytes:
    return json.dumps(asdict(move), indent=2).encode()
