"""Which number a new version gets: one that none ever had.

    <root>/_numbers/<model>/<n>.json          n was given to a version
    <root>/_numbers/<model>/<n>.deleted.json  and that version was deleted
    <root>/<model>/<n>/.claim                 the same, as registries before this record know it

The record lies beside the models, under a name that no model can have, so that it outlives the
folder of a version or of a whole model that somebody moves away. It names no `.` first, since
who copies a registry with `*` should copy the record too.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from serve_app.core import reference as references
from serve_app.registry.manifest import timestamp

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from serve_app.registry.aliases import Aliases
    from serve_app.registry.files import Files

CLAIM = ".claim"
_GIVEN = ".json"
_DELETED = ".deleted.json"


class Numbers:
    """The numbers of all models' versions, those that are gone included.

    `user` is who registers or deletes.
    """

    def __init__(
        self, files: Files, aliases: Aliases, now: Callable[[], datetime], user: str
    ) -> None:
        self._files = files
        self._aliases = aliases
        self._now = now
        self._user = user

    def folders(self, model: str) -> list[int]:
        """The numbers that have a folder now, in order."""
        if not references.is_model(model):
            return []
        entries = map(references.number, self._files.names(model))
        return sorted(number for number in entries if number is not None)

    def before(self, model: str, number: int) -> int | None:
        """The highest number below another one that has a folder now; none where there is none."""
        return max((one for one in self.folders(model) if one < number), default=None)

    def claim(self, model: str) -> int:
        """A number that nobody has or had.

        Raises:
            RegistryFailed: the registry cannot be written.
        """
        number = self._highest(model) + 1
        while not (
            self._files.create(f"{_record(model)}/{number}{_GIVEN}", self._note())
            # Older releases, which may write to the same registry, look here alone.
            and self._files.create(f"{model}/{number}/{CLAIM}", self._note())
        ):
            number += 1
        return number

    def retire(self, model: str, number: int) -> None:
        """Write down that a version is deleted, and that its number is taken for good."""
        self._files.create(f"{_record(model)}/{number}{_GIVEN}", self._note())
        self._files.create(f"{_record(model)}/{number}{_DELETED}", self._note())

    def is_retired(self, model: str, number: int) -> bool:
        """Whether somebody deleted, or began to delete, the version of that number."""
        return self._files.exists(f"{_record(model)}/{number}{_DELETED}")

    def _highest(self, model: str) -> int:
        names = self._files.names(_record(model))
        given = [references.number(name.removesuffix(_GIVEN)) for name in names]
        known = [number for number in given if number is not None]
        if not known:
            # A registry of before: its aliases remember versions whose folders may be gone.
            histories = self._aliases.histories(model).values()
            moves = [move.version for history in histories for move in history]
            known = [version for version in moves if version is not None]
        return max([*known, *self.folders(model)], default=0)

    def _note(self) -> bytes:
        return json.dumps({"at": timestamp(self._now()), "by": self._user}).encode()


def _record(model: str) -> str:
    return f"_numbers/{model}"
