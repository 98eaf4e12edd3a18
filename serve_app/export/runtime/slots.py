"""Two folders for updates, of which one is current, and the file that says which.

a/ b/          the unpacked wheels
state.json     replaced as a whole, so that a power cut leaves the one or the other
"""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from serve_app.core.disk import sync_folder
from serve_app.errors import ArtifactRejected, Conflict
from serve_app.export.runtime.bundle import Bundle

NAMES = ("a", "b")
STATE = "state.json"


@dataclass(frozen=True, slots=True)
class Content:
    """What stands in a slot."""

    model: str
    version: int
    package: str

    @property
    def reference(self) -> str:
        """The version's name, `churn@2`."""
        return f"{self.model}@{self.version}"


@dataclass(frozen=True, slots=True)
class State:
    """Which slots are current and were current before; none stands for the installed wheel.

    `etags` says of each source what its server called the bundle that came last from there.
    """

    current: str | None = None
    previous: str | None = None
    contents: Mapping[str, Content] = field(default_factory=dict)
    etags: Mapping[str, str] = field(default_factory=dict)

    @property
    def free(self) -> str:
        """The slot that the next update is put into."""
        return NAMES[1] if self.current == NAMES[0] else NAMES[0]

    @property
    def content(self) -> Content | None:
        """What is current; none where that is the installed wheel."""
        return None if self.current is None else self.contents[self.current]

    def turned_to(self, slot: str, content: Content) -> State:
        """The same, with a slot as the current one."""
        contents = {**self.contents, slot: content}
        return replace(self, current=slot, previous=self.current, contents=contents)

    def rolled_back(self) -> State:
        """The same, with what was current before as the current one."""
        return replace(self, current=self.previous, previous=self.current)

    def tried(self) -> list[tuple[str, Content]]:
        """The slots to take a version from, the current one first."""
        slots = (self.current, self.previous)
        return [(slot, self.contents[slot]) for slot in slots if slot is not None]


class Slots:
    """The two slots in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def state(self) -> State:
        """What is current.

        Raises:
            ArtifactRejected: the file that says so is damaged.
        """
        path = self.folder / STATE
        try:
            body = json.loads(path.read_text(encoding="utf-8"))
            return _state(body)
        except FileNotFoundError:
            return State()
        except (ValueError, KeyError, TypeError) as error:
            msg = f"{path} is damaged; remove {self.folder} to start from the installed version"
            raise ArtifactRejected(msg) from error

    def save(self, state: State) -> None:
        """Let a state stand, as a whole or not at all."""
        text = json.dumps(asdict(state), indent=2, sort_keys=True) + "\n"
        temporary = self.folder / f".{STATE}.new"
        _written(temporary, text.encode())
        temporary.replace(self.folder / STATE)
        _names_kept(self.folder)

    def put(self, slot: str, bundle: Bundle) -> Path:
        """Unpack a wheel into a slot, in place of what stood there.

        Raises:
            ArtifactRejected: it is no wheel, or holds a path that leads elsewhere.
        """
        new, target = self.folder / f".{slot}.new", self.folder / slot
        for old in (new, target):
            shutil.rmtree(old, ignore_errors=True)
        try:
            with zipfile.ZipFile(io.BytesIO(bundle.content)) as archive:
                for entry in archive.infolist():
                    _written(_inside(new, entry.filename), archive.read(entry))
        except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError) as error:
            raise ArtifactRejected(f"the wheel in the bundle is damaged: {error}") from error
        new.rename(target)
        _names_kept(self.folder)
        return target

    def remove(self, slot: str) -> None:
        """Remove what stands in a slot that is not current."""
        shutil.rmtree(self.folder / slot, ignore_errors=True)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One update at a time, where the system can lock files (not on Windows).

        Raises:
            Conflict: another update is under way.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            import fcntl  # noqa: PLC0415 - Windows has none
        except ImportError:
            yield
            return
        with (self.folder / ".lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise Conflict(f"another update of {self.folder} is under way") from error
            yield


def _state(body: Mapping[str, Any]) -> State:
    contents = {slot: Content(**one) for slot, one in body["contents"].items()}
    state = State(body["current"], body["previous"], contents, dict(body["etags"]))
    for slot in (state.current, state.previous):
        if slot is not None and (slot not in NAMES or slot not in contents):
            msg = f"there is no slot {slot!r}"
            raise ValueError(msg)
    return state


def _inside(folder: Path, name: str) -> Path:
    parts = name.split("/")
    if "\\" in name or ":" in name or any(part in {"", ".", ".."} for part in parts):
        raise ArtifactRejected(f"the wheel in the bundle holds the path {name!r}")
    return folder.joinpath(*parts)


def _names_kept(folder: Path) -> None:
    """Have the names in a folder on the disk; Windows opens no folders."""
    if os.name == "posix":
        sync_folder(folder)


def _written(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
