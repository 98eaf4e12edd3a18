"""Movable names for versions, each with the history of its moves.

A move is a numbered file that is created whole and never changed; the highest number
stands. Of two who move an alias at the same time both stand in its history.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from serve_app.core import reference as references
from serve_app.errors import Conflict
from serve_app.registry.manifest import timestamp

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from serve_app.registry.files import Files

_logger = logging.getLogger(__name__)
_SUFFIX = ".json"


@dataclass(frozen=True, slots=True)
class AliasMove:
    """One move of an alias: to which version, from which, when, by whom, and why.

    The version is none where the alias was removed.
    """

    version: int | None
    previous: int | None
    moved_at: str
    by: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """What an alias must name for it to be moved: a version, or none yet."""

    version: int | None


_move_type = TypeAdapter(AliasMove)


class Aliases:
    """The aliases of all models of a registry.

    A record that somebody damaged is passed over, with a warning in the log.
    """

    def __init__(self, files: Files, now: Callable[[], datetime]) -> None:
        self._files = files
        self._now = now

    def move(
        self,
        model: str,
        alias: str,
        version: int | None,
        *,
        by: str,
        reason: str | None,
        expected: Expected | None = None,
    ) -> AliasMove:
        """Let an alias name a version from now on, or none.

        With `expected` it is moved only from there: of two who do so at once, one is refused.

        Raises:
            InvalidInput: the alias cannot be one.
            Conflict: it names another version than the expected one.
            RegistryFailed: the registry cannot be written.
        """
        references.check_alias(alias)
        while True:
            numbers = self._numbers(model, alias)
            previous = self._newest(model, alias, numbers)
            if expected is not None and previous != expected.version:
                raise _moved_meanwhile(model, alias, previous, expected)
            move = AliasMove(
                version=version,
                previous=previous,
                moved_at=timestamp(self._now()),
                by=by,
                reason=reason,
            )
            content = json.dumps(asdict(move), indent=2, ensure_ascii=False).encode()
            following = max(numbers, default=0) + 1
            if self._files.create(_path(model, alias, following), content):
                return move

    def current(self, model: str) -> dict[str, int]:
        """All aliases of a model with the versions that they name."""
        versions: dict[str, int] = {}
        for alias in self._files.names(f"{model}/aliases"):
            if references.is_alias(alias):
                version = self._newest(model, alias, self._numbers(model, alias))
                if version is not None:
                    versions[alias] = version
        return versions

    def history(self, model: str, alias: str) -> list[AliasMove]:
        """Every move of an alias, oldest first; empty when there is none.

        Raises:
            InvalidInput: the alias cannot be one.
        """
        references.check_alias(alias)
        moves = (self._read(model, alias, n) for n in self._numbers(model, alias))
        return [move for move in moves if move is not None]

    def histories(self, model: str) -> dict[str, list[AliasMove]]:
        """Every move of every alias of a model, also of those that were removed, oldest first."""
        names = filter(references.is_alias, self._files.names(f"{model}/aliases"))
        return {alias: self.history(model, alias) for alias in names}

    def _newest(self, model: str, alias: str, numbers: list[int]) -> int | None:
        for number in reversed(numbers):
            move = self._read(model, alias, number)
            if move is not None:
                return move.version
        return None

    def _read(self, model: str, alias: str, number: int) -> AliasMove | None:
        path = _path(model, alias, number)
        try:
            return _move_type.validate_json(self._files.read(path) or b"")
        except ValidationError:
            _logger.warning("the alias move %s is damaged and passed over", path)
            return None

    def _numbers(self, model: str, alias: str) -> list[int]:
        names = self._files.names(f"{model}/aliases/{alias}")
        stems = [name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)]
        return sorted(n for n in map(references.number, stems) if n is not None)


def _moved_meanwhile(model: str, alias: str, stands: int | None, expected: Expected) -> Conflict:
    def named(version: int | None) -> str:
        return "no version" if version is None else f"{model}@{version}"

    msg = (
        f"{model}@{alias} names {named(stands)} and not {named(expected.version)} as expected, so "
        "that it was not moved; look at its history and decide again"
    )
    return Conflict(msg, version=stands, expected=expected.version)


def _path(model: str, alias: str, number: int) -> str:
    return f"{model}/aliases/{alias}/{number}{_SUFFIX}"
