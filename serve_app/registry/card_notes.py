"""What people write on the cards of versions: added one after the other, and never changed.

    <root>/<model>/notes/<version>/<n>.json

They lie beside the versions, which never change; signatures of versions do not cover them.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from serve_app.core import reference as references
from serve_app.errors import InvalidInput
from serve_app.registry.files import Files
from serve_app.registry.manifest import timestamp, utc_now

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

MOST_CHARACTERS = 20_000
_SUFFIX = ".json"
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CardNote:
    """A section of a card: its heading, its text as it was written, when, and by whom."""

    heading: str
    text: str
    at: str
    by: str


_note_type = TypeAdapter(CardNote)


class CardNotes:
    """The notes on all versions of the registry at a folder or URL; `now` gives the time.

    Every method raises RegistryFailed, naming the path, when the filesystem refuses.
    """

    def __init__(self, url: str, *, now: Callable[[], datetime] = utc_now) -> None:
        self._files = Files(url)
        self._now = now

    def add(self, name: str, version: int, heading: str, text: str, *, by: str) -> CardNote:
        """Add a note below a heading; what stood there before stays.

        Raises:
            InvalidInput: it is empty, or too long.
        """
        references.check_model(name)
        if not heading.strip() or not text.strip() or len(text) > MOST_CHARACTERS:
            msg = (
                f"a note needs a heading, and a text of at most {MOST_CHARACTERS:,} characters; "
                f"{heading[:80]!r} has {len(text.strip()):,}"
            )
            raise InvalidInput(msg, heading=heading[:80])
        note = CardNote(heading.strip(), text.strip(), timestamp(self._now()), by)
        content = json.dumps(asdict(note), indent=2, ensure_ascii=False).encode()
        folder = _folder(name, version)
        while True:
            following = max(self._numbers(folder), default=0) + 1
            if self._files.create(f"{folder}/{following}{_SUFFIX}", content):
                return note

    def of(self, name: str, version: int) -> list[CardNote]:
        """Every note on a version, oldest first; one that somebody damaged is passed over."""
        folder = _folder(name, version)
        notes = []
        for number in self._numbers(folder):
            path = f"{folder}/{number}{_SUFFIX}"
            try:
                notes.append(_note_type.validate_json(self._files.read(path) or b""))
            except ValidationError:
                _logger.warning("the note %s is damaged and passed over", path)
        return notes

    def _numbers(self, folder: str) -> list[int]:
        names = self._files.names(folder)
        stems = [name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)]
        return sorted(one for one in map(references.number, stems) if one is not None)


def _folder(name: str, version: int) -> str:
    return f"{name}/notes/{version}"
