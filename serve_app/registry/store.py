"""Models with numbered versions, in a local folder or at any fsspec URL: the same code.

    <root>/<model>/<n>/.claim           taken by whoever creates it; decides the number
    <root>/<model>/<n>/<files>
    <root>/<model>/<n>/manifest.json    written last and whole; a version without it is none
    <root>/<model>/aliases/<alias>/<n>.json
"""

from __future__ import annotations

import difflib
import getpass
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import pydantic

from serve_app.errors import ArtifactRejected, InvalidInput, NotFound
from serve_app.registry.aliases import AliasMove, Aliases
from serve_app.registry.files import Files
from serve_app.registry.manifest import Draft, FileEntry, Manifest

MANIFEST = "manifest.json"
CLAIM = ".claim"
_NAME = re.compile(r"^[a-z0-9][a-z0-9_-]{0,62}$")


@dataclass(frozen=True, slots=True)
class Artifact:
    """A version's manifest and the bytes of its files, every digest verified."""

    manifest: Manifest
    files: Mapping[str, bytes]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Registry:
    """The registry at a folder or URL.

    `now` gives the time that manifests and alias moves carry.
    """

    def __init__(self, url: str, *, now: Callable[[], datetime] = _utc_now) -> None:
        self._files = Files(url)
        self._now = now
        self._aliases = Aliases(self._files, now)

    def register(self, draft: Draft, files: Mapping[str, bytes]) -> Manifest:
        """Write a new version, visible whole or not at all.

        Raises:
            InvalidInput: the model's name does not fit.
            RegistryFailed: the registry cannot be written.
        """
        _check_name(draft.name)
        entries = tuple(
            FileEntry(path=path, sha256=_digest(content), size_bytes=len(content))
            for path, content in files.items()
        )
        version = self._claim(draft.name)
        manifest = Manifest(
            **{name: getattr(draft, name) for name in type(draft).model_fields},
            version=version,
            files=entries,
            created_at=self._now().isoformat(timespec="seconds"),
            created_by=_user(),
        )
        folder = f"{draft.name}/{version}"
        for path, content in files.items():
            self._files.write(f"{folder}/{path}", content)
        text = json.dumps(manifest.model_dump(mode="json"), indent=2, sort_keys=True)
        self._files.write_whole(f"{folder}/{MANIFEST}", text.encode())
        return manifest

    def models(self) -> list[str]:
        """The names of all models that have a version."""
        return [name for name in self._files.names("") if _NAME.match(name) and self.versions(name)]

    def versions(self, name: str) -> list[int]:
        """The numbers of a model's versions, in order; empty when there is no such model."""
        return [n for n in self._numbers(name) if self._files.exists(f"{name}/{n}/{MANIFEST}")]

    def manifest(self, name: str, version: int) -> Manifest:
        """A version's manifest.

        Raises:
            NotFound: no such model or version; names those that exist.
            ArtifactRejected: the manifest is damaged.
        """
        path = f"{name}/{version}/{MANIFEST}"
        content = self._files.read(path) if _NAME.match(name) else None
        if content is None:
            raise self._unknown(name, version)
        try:
            manifest = Manifest.model_validate_json(content)
        except pydantic.ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(str(part) for part in problem["loc"])
            msg = f"{path} is damaged: {where}: {problem['msg']}"
            raise ArtifactRejected(msg, file=path) from None
        if (manifest.name, manifest.version) != (name, version):
            msg = f"{path} is that of {manifest.name}@{manifest.version}"
            raise ArtifactRejected(msg, file=path)
        return manifest

    def read(self, name: str, version: int) -> Artifact:
        """A version with the bytes of its files, each read once and verified as it was read.

        Raises:
            NotFound: no such model or version.
            ArtifactRejected: a file is missing or a byte of it has changed; names it.
        """
        manifest = self.manifest(name, version)
        files: dict[str, bytes] = {}
        for entry in manifest.files:
            path = f"{name}/{version}/{entry.path}"
            content = self._files.read(path)
            if content is None:
                msg = f"{path} is missing"
                raise ArtifactRejected(msg, file=entry.path)
            if len(content) != entry.size_bytes or _digest(content) != entry.sha256:
                msg = f"{path} is not what was registered: its SHA-256 differs"
                raise ArtifactRejected(msg, file=entry.path)
            files[entry.path] = content
        return Artifact(manifest, files)

    def resolve(self, reference: str) -> tuple[str, int]:
        """The model and number that `name@3` or `name@champion` names.

        Raises:
            InvalidInput: it names neither a number nor an alias.
            NotFound: there is no such model or alias.
        """
        name, separator, named = reference.partition("@")
        if not separator or not named:
            msg = f"{reference!r} names no version; write {name}@1, or {name}@champion"
            raise InvalidInput(msg)
        if named.isdigit():
            return name, int(named)
        return name, self.alias(name, named)

    def set_alias(
        self, name: str, alias: str, version: int, *, by: str, reason: str | None = None
    ) -> None:
        """Let an alias name a version from now on.

        Raises:
            NotFound: no such model or version.
            InvalidInput: the alias cannot be one.
        """
        self.manifest(name, version)
        self._aliases.move(name, alias, version, by=by, reason=reason)

    def alias(self, name: str, alias: str) -> int:
        """The version that an alias names.

        Raises:
            NotFound: no such alias; names those that exist.
        """
        known = self.aliases(name)
        if alias not in known:
            listed = ", ".join(sorted(known)) or "none"
            msg = f"model {name!r} has no alias {alias!r}; aliases: {listed}"
            raise NotFound(msg, known=sorted(known))
        return known[alias]

    def aliases(self, name: str) -> dict[str, int]:
        """All aliases of a model with the versions that they name."""
        return self._aliases.current(name)

    def alias_history(self, name: str, alias: str) -> list[AliasMove]:
        """Every move of an alias, oldest first."""
        return self._aliases.history(name, alias)

    def _claim(self, name: str) -> int:
        number = max(self._numbers(name), default=0) + 1
        note = json.dumps({"by": _user(), "at": self._now().isoformat()}).encode()
        while not self._files.create(f"{name}/{number}/{CLAIM}", note):
            number += 1
        return number

    def _numbers(self, name: str) -> list[int]:
        if not _NAME.match(name):
            return []
        return sorted(int(entry) for entry in self._files.names(name) if entry.isdigit())

    def _unknown(self, name: str, version: int) -> NotFound:
        versions = self.versions(name)
        if versions:
            listed = ", ".join(map(str, versions))
            msg = f"model {name!r} has no version {version}; versions: {listed}"
            return NotFound(msg, known=versions)
        known = self.models()
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        msg = f"there is no model {name!r} in {self._files.url}.{hint}"
        return NotFound(msg, known=known)


def _check_name(name: str) -> None:
    if not _NAME.match(name):
        msg = (
            f"{name!r} cannot name a model: use lower-case letters, digits, - and _, "
            "at most 63, the first a letter or digit"
        )
        raise InvalidInput(msg)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
