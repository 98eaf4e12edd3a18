"""Movable names for versions, each with the history of its moves.

A move is a numbered file that is created whole and never changed; the highest number
stands. Of two who move an alias at the same time both stand in its history. Where moves are
signed, the envelope stands in the file beside what it signs.
"""

from __future__ import annotations

import contextlib
import json
import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from serve_app.core import reference as references
from serve_app.errors import ArtifactRejected, Conflict, NotFound, NotPermitted
from serve_app.registry.manifest import timestamp
from serve_app.registry.paths import nearest
from serve_app.registry.seen_moves import SeenMoves

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from serve_app.registry.files import Files
    from serve_app.registry.trust import Signs, Trust

_logger = logging.getLogger(__name__)
CHAMPION = "champion"
"""The alias of the version that challengers have to be as good as."""
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

    A record that somebody damaged is passed over, with a warning in the log. With `trust`, the
    move that stands is refused unless it is signed as that wants, and so is an alias of which
    moves were `seen` that are gone. `signer` signs moves that are made.
    """

    def __init__(
        self,
        files: Files,
        now: Callable[[], datetime],
        *,
        trust: Trust | None = None,
        signer: Signs | None = None,
        seen: SeenMoves | None = None,
    ) -> None:
        self._files = files
        self._now = now
        self._trust = trust
        self._signer = signer
        self._seen = seen or SeenMoves()

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
            NotPermitted: moves must be signed, and there is nobody to sign this one.
            ArtifactRejected: the move that stands is not signed as it must be.
            RegistryFailed: the registry cannot be written.
        """
        references.check_alias(alias)
        self._check_can_sign(model, alias)
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
            following = max(numbers, default=0) + 1
            content = self._content(model, alias, following, move)
            if self._files.create(_path(model, alias, following), content):
                return move

    def current(self, model: str) -> dict[str, int]:
        """All aliases of a model with the versions that they name.

        Raises:
            ArtifactRejected: the move that stands of one is not signed as it must be.
        """
        versions: dict[str, int] = {}
        for alias in self._files.names(f"{model}/aliases"):
            version = self.version(model, alias)
            if version is not None:
                versions[alias] = version
        return versions

    def version(self, model: str, alias: str) -> int | None:
        """The version that one alias names, whatever is wrong with others; none without a move.

        Raises:
            ArtifactRejected: the move that stands is not signed as it must be.
        """
        if not references.is_alias(alias):
            return None
        return self._newest(model, alias, self._numbers(model, alias))

    def unknown(self, model: str, alias: str, newest: int) -> NotFound:
        """The error of an alias that a model does not have; names those that it has."""
        known = []
        for other in filter(references.is_alias, self._files.names(f"{model}/aliases")):
            with contextlib.suppress(ArtifactRejected):
                if self.version(model, other) is not None:
                    known.append(other)
        listed = f"its aliases are {', '.join(known)}" if known else "it has none"
        msg = (
            f"model {model!r} has no alias {alias!r}; {listed}{nearest(alias, known)} (it is set "
            f"by serve-app models alias {model}@{newest} {alias})"
        )
        return NotFound(msg, known=known)

    def history(self, model: str, alias: str) -> list[AliasMove]:
        """Every move of an alias, oldest first; empty when there is none.

        Raises:
            InvalidInput: the alias cannot be one.
            ArtifactRejected: the move that stands is not signed as it must be.
        """
        references.check_alias(alias)
        numbers = self._numbers(model, alias)
        moves = [self._former(model, alias, n) for n in numbers[:-1]]
        moves += [self._read(model, alias, n) for n in numbers[-1:]]
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

    def _check_can_sign(self, model: str, alias: str) -> None:
        if self._trust is not None and self._trust.required and self._signer is None:
            msg = (
                f"{model}@{alias} is not moved: moves of this registry's aliases must be signed, "
                "and there is no key here; who has one moves it: serve-app models alias "
                f"{model}@NUMBER {alias} --sign-key KEY --registry …"
            )
            raise NotPermitted(msg)

    def _content(self, model: str, alias: str, number: int, move: AliasMove) -> bytes:
        body = asdict(move)
        if self._signer is not None:
            body["envelope"] = self._signer.move(model, alias, number, asdict(move))
        return json.dumps(body, indent=2, ensure_ascii=False).encode()

    def _former(self, model: str, alias: str, number: int) -> AliasMove | None:
        """A move that stands no more: one that counts for nothing here is passed over."""
        try:
            return self._read(model, alias, number)
        except ArtifactRejected as error:
            _logger.warning("%s", error.message)
            return None

    def _read(self, model: str, alias: str, number: int) -> AliasMove | None:
        path = _path(model, alias, number)
        content = self._files.read(path) or b""
        try:
            move = _move_type.validate_json(content)
        except ValidationError:
            if self._trust is not None:
                self._trust.check_move(model, alias, number, {}, None)
            _logger.warning("the alias move %s is damaged and passed over", path)
            return None
        if self._trust is not None:
            envelope = json.loads(content).get("envelope")
            self._trust.check_move(model, alias, number, asdict(move), envelope)
        return move

    def _numbers(self, model: str, alias: str) -> list[int]:
        names = self._files.names(f"{model}/aliases/{alias}")
        stems = [name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)]
        numbers = sorted(n for n in map(references.number, stems) if n is not None)
        if self._trust is not None:
            self._check_none_gone(model, alias, max(numbers, default=0))
        return numbers

    def _check_none_gone(self, model: str, alias: str, highest: int) -> None:
        known = self._seen.highest(f"{model}@{alias}")
        if highest < known:
            msg = (
                f"{model}@{alias} had {known} moves and has {highest}: somebody took back what "
                "was signed; restore its moves, or move it again to the version that is meant"
            )
            raise ArtifactRejected(msg, signature="moves are gone")
        self._seen.note(f"{model}@{alias}", highest)


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
