"""What MLflow is to be told of, kept in a folder until its server took it.

A file names a version and a server, and no more: versions never change. Telling it again is
harmless, so that a file is removed after the server took it, and whoever dies between loses
nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from serve_app.errors import NotReady, RegistryFailed, ServeError
from serve_app.registry.exclusive import temporary_beside

_SUFFIX = ".json"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A version that a server is to be told of: `server` without credentials.

    `since` is in ISO 8601; `attempts` were made, the last of which failed for `why`.
    """

    server: str
    reference: str
    experiment: str
    since: str
    attempts: int = 0
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one that waited; `why` it goes on waiting, none where it was taken."""

    waiting: Waiting
    why: str | None = None


_type = TypeAdapter(Waiting)


class Outbox:
    """The folder; every method raises RegistryFailed where it cannot be read or written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, waiting: Waiting) -> None:
        """Keep one; the same version of the same server takes the place of the former."""
        content = json.dumps(asdict(waiting), indent=2).encode()
        place = self._place(waiting)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            partial = temporary_beside(place)
            partial.write_bytes(content)
            partial.replace(place)
        except OSError as error:
            raise RegistryFailed(f"{place} cannot be written: {error}", path=str(place)) from error

    def waiting(self) -> list[Waiting]:
        """All that wait, the oldest first; a file that is none of ours is passed over."""
        try:
            files = sorted(self._folder.glob(f"*{_SUFFIX}"))
            read = [one for file in files for one in _read(file)]
        except OSError as error:
            raise RegistryFailed(f"{self._folder} cannot be read: {error}") from error
        return sorted(read, key=lambda one: (one.since, one.reference))

    def deliver(self, tell: Callable[[Waiting], None]) -> Iterator[Delivery]:
        """Tell servers of all that wait, and forget what they took.

        A server that is away is not asked again for the others that wait for it; whatever else
        goes wrong is kept with the one that it befell.
        """
        away: dict[str, str] = {}
        for one in self.waiting():
            why = away.get(one.server)
            if why is None:
                why = self._delivered(one, tell, away)
            yield Delivery(one, why)

    def _delivered(
        self, one: Waiting, tell: Callable[[Waiting], None], away: dict[str, str]
    ) -> str | None:
        try:
            tell(one)
        except ServeError as error:
            if isinstance(error, NotReady):
                away[one.server] = error.message
            self.add(replace(one, attempts=one.attempts + 1, why=error.message))
            return error.message
        self._place(one).unlink(missing_ok=True)
        return None

    def _place(self, waiting: Waiting) -> Path:
        key = f"{waiting.server}\n{waiting.reference}\n{waiting.experiment}"
        digest = hashlib.sha256(key.encode()).hexdigest()[:16]
        return self._folder / f"{waiting.reference}-{digest}{_SUFFIX}"


def _read(file: Path) -> Iterator[Waiting]:
    try:
        yield _type.validate_json(file.read_bytes())
    except ValidationError:
        return
