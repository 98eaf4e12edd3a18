"""Models with numbered versions, in a local folder or at any fsspec URL: the same code.

    <root>/<model>/<n>/<files>
    <root>/<model>/<n>/manifest.json    written last and whole, removed first
    <root>/<model>/<n>/signatures/      who vouches for it (signatures.py)
    <root>/<model>/aliases/<alias>/<n>.json
    <root>/_numbers/<model>/<n>.json    a number that is taken for good (numbers.py)

A version is there when its manifest is. Who dies before has used up a number, no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from serve_app.core import reference as references
from serve_app.errors import ArtifactRejected, Conflict, NotFound
from serve_app.registry.aliases import Aliases, AliasMove, Expected
from serve_app.registry.contents import MANIFEST, Artifact, Contents
from serve_app.registry.files import Files
from serve_app.registry.manifest import Draft, FileEntry, Manifest, timestamp, utc_now
from serve_app.registry.numbers import Numbers
from serve_app.registry.paths import check_file, nearest
from serve_app.registry.user import current_user

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from serve_app.registry.seen_moves import SeenMoves
    from serve_app.registry.trust import Signs, Trust

LISTED_VERSIONS = 5


class Registry:
    """The registry at a folder or URL.

    `now` gives the time, with its zone, that manifests and alias moves carry; `user` is who
    registers, the one who is logged in when not given. `trust` checks signatures: what it refuses
    is not there to be loaded, and the reader is told why. `signer` signs what is registered and
    moved; `seen` remembers moves. Every method raises RegistryFailed, naming the path, when the
    filesystem refuses, and ArtifactRejected where `trust` does.
    """

    def __init__(
        self,
        url: str,
        *,
        now: Callable[[], datetime] = utc_now,
        user: str | None = None,
        trust: Trust | None = None,
        signer: Signs | None = None,
        seen: SeenMoves | None = None,
    ) -> None:
        self._files = Files(url)
        self._now = now
        self._user = user or current_user()
        self._signer = signer
        self._contents = Contents(self._files, trust)
        self._aliases = Aliases(self._files, now, trust=trust, signer=signer, seen=seen)
        self._numbers = Numbers(self._files, self._aliases, now, self._user)

    def register(self, draft: Draft, files: Mapping[str, bytes]) -> Manifest:
        """Write a new version, visible whole or not at all.

        Raises:
            InvalidInput: the model's name or a file's path does not fit.
            RegistryFailed: the registry cannot be written.
        """
        references.check_model(draft.name)
        for path in files:
            check_file(path)
        version = self._numbers.claim(draft.name)
        folder = f"{draft.name}/{version}"
        manifest = Manifest(
            **{name: getattr(draft, name) for name in Draft.model_fields},
            version=version,
            files=tuple(self._contents.write(folder, path, files[path]) for path in sorted(files)),
            created_at=timestamp(self._now()),
            created_by=self._user,
        )
        previous = self._numbers.before(draft.name, version) if self._signer else None
        self._contents.write_manifest(manifest, self._signer, previous)
        return manifest

    def sign(self, name: str, version: int, signer: Signs) -> Manifest:
        """Sign a version as it is stored, once every byte of it is as registered.

        Raises:
            NotFound: no such model or version.
            ArtifactRejected: a file is missing or a byte of it has changed; names it.
        """
        manifest, content = self._stored(name, version)
        for entry in manifest.files:
            self._verified(manifest, entry)
        previous = self._numbers.before(name, version)
        self._contents.signatures.write((name, version), content, signer, previous)
        return manifest

    def as_stored(self, name: str, version: int) -> dict[str, bytes]:
        """Everything of a version, verified: its files, its manifest, and who vouches for it.

        Raises:
            NotFound: no such model or version.
            ArtifactRejected: a file is missing or a byte of it has changed; names it.
        """
        manifest, content = self._stored(name, version)
        files = dict(self.files_of(manifest).files)
        return {**files, **self._contents.signatures.of(name, version), MANIFEST: content}

    @property
    def url(self) -> str:
        """The folder or URL; it may hold a password."""
        return self._files.url

    def models(self) -> list[str]:
        """The names of all models that have a version, sorted."""
        return [name for name in self._files.names("") if self._has_version(name)]

    def versions(self, name: str) -> list[int]:
        """The numbers of a model's versions, in order; empty when there is no such model."""
        return [
            number for number in self._numbers.folders(name) if self._contents.has(name, number)
        ]

    def folders(self) -> dict[str, list[int]]:
        """The numbers of all models that have a folder, whether a version is whole there or not."""
        names = self._files.names("")
        return {name: numbers for name in names if (numbers := self._numbers.folders(name))}

    def manifest(self, name: str, version: int) -> Manifest:
        """A version's manifest.

        Raises:
            NotFound: no such model or version; names those that exist.
            ArtifactRejected: the manifest is damaged.
        """
        return self._stored(name, version)[0]

    def read(self, name: str, version: int, *, only: str | None = None) -> Artifact:
        """A version with the bytes of its files, each read once and verified as it was read.

        `only` names the single file that is wanted.

        Raises:
            NotFound: no such model or version.
            ArtifactRejected: a file is missing or a byte of it has changed; names it.
        """
        return self.files_of(self.manifest(name, version), only=only)

    def files_of(self, manifest: Manifest, *, only: str | None = None) -> Artifact:
        """The bytes of the files that a manifest lists, as `read` gives them."""
        files = {
            entry.path: self._verified(manifest, entry)
            for entry in manifest.files
            if only is None or entry.path == only
        }
        if only is not None and only not in files:
            msg = f"{manifest.reference} lists no file {only}; register the model again"
            raise ArtifactRejected(msg, file=only, version=manifest.reference)
        return Artifact(manifest, files)

    def verify(self, name: str, version: int) -> None:
        """Read every file of a version and keep none.

        Raises:
            NotFound: no such model or version.
            ArtifactRejected: a file is missing or a byte of it has changed; names it.
        """
        manifest = self.manifest(name, version)
        for entry in manifest.files:
            self._verified(manifest, entry)

    def resolve(self, reference: str) -> tuple[str, int]:
        """The model and number that `name@3` or `name@champion` names.

        A number is taken as it is; whether there is such a version shows when it is read.

        Raises:
            InvalidInput: it names neither a number nor an alias; says what to write.
            NotFound: there is no such model or alias.
        """
        name, version = references.parse(reference)
        return name, version if isinstance(version, int) else self.alias(name, version)

    def set_alias(
        self,
        name: str,
        alias: str,
        version: int,
        *,
        by: str,
        reason: str | None = None,
        expected: Expected | None = None,
    ) -> AliasMove:
        """Let an alias name a version from now on; with `expected`, only from that one.

        Raises:
            NotFound: no such model or version.
            InvalidInput: the alias cannot be one.
            Conflict: it names another version than the expected one.
        """
        self.manifest(name, version)
        return self._aliases.move(name, alias, version, by=by, reason=reason, expected=expected)

    def remove_alias(
        self,
        name: str,
        alias: str,
        *,
        by: str,
        reason: str | None = None,
        expected: Expected | None = None,
    ) -> AliasMove:
        """Let an alias name no version any more; its history stays.

        Raises:
            NotFound: no such model or alias; names those that exist.
            Conflict: it names another version than the expected one.
        """
        self.alias(name, alias)
        return self._aliases.move(name, alias, None, by=by, reason=reason, expected=expected)

    def delete(self, name: str, version: int) -> None:
        """Delete a version; its number is never used again.

        Readers see it whole or not at all. What was interrupted is finished by deleting again.

        Raises:
            NotFound: no such model or version; names those that exist.
            Conflict: an alias names it.
            RegistryFailed: the registry cannot be written.
        """
        there = references.is_model(name) and self._contents.has(name, version)
        rest = references.is_model(name) and version in self._numbers.folders(name)
        if not there and not (rest and self._numbers.is_retired(name, version)):
            raise self._unknown(name, version)
        self._check_unnamed(name, [version])
        self._numbers.retire(name, version)
        self._files.remove(f"{name}/{version}/{MANIFEST}")
        self._files.remove_folder(f"{name}/{version}")

    def delete_model(self, name: str) -> list[int]:
        """Delete all versions of a model, and give their numbers, which are never used again.

        Raises:
            NotFound: no such model; names those that exist.
            Conflict: an alias names one of them; none is deleted.
            RegistryFailed: the registry cannot be written.
        """
        self._check_known(name)
        versions = self.versions(name)
        self._check_unnamed(name, versions)
        for version in versions:
            self.delete(name, version)
        if not self._numbers.folders(name):
            self._files.remove_folder(name)
        return versions

    def alias(self, name: str, alias: str) -> int:
        """The version that an alias names.

        Raises:
            NotFound: no such model or alias; names those that exist.
        """
        self._check_known(name)
        version = self._aliases.version(name, alias)
        if version is None:
            raise self._aliases.unknown(name, alias, self.versions(name)[-1])
        return version

    def aliases(self, name: str) -> dict[str, int]:
        """All aliases of a model with the versions that they name, sorted.

        Raises:
            NotFound: no such model; names those that exist.
        """
        self._check_known(name)
        return self._aliases.current(name)

    def alias_history(self, name: str, alias: str) -> list[AliasMove]:
        """Every move of an alias, oldest first; empty when it was never set.

        Raises:
            NotFound: no such model; names those that exist.
            InvalidInput: the alias cannot be one.
        """
        self._check_known(name)
        return self._aliases.history(name, alias)

    def alias_histories(self, name: str) -> dict[str, list[AliasMove]]:
        """Every move of every alias, also of those that were removed, oldest first.

        Raises:
            NotFound: no such model; names those that exist.
        """
        self._check_known(name)
        return self._aliases.histories(name)

    def _stored(self, name: str, version: int) -> tuple[Manifest, bytes]:
        stored = self._contents.manifest(name, version)
        if stored is None:
            raise self._unknown(name, version)
        return stored

    def _verified(self, manifest: Manifest, entry: FileEntry) -> bytes:
        content = self._contents.file(manifest, entry)
        if content is None:
            raise self._unknown(manifest.name, manifest.version)
        return content

    def _has_version(self, name: str) -> bool:
        return any(
            self._contents.has(name, number) for number in reversed(self._numbers.folders(name))
        )

    def _check_unnamed(self, name: str, versions: list[int]) -> None:
        for alias, version in self._aliases.current(name).items():
            if version in versions:
                msg = (
                    f"{name}@{version} is not deleted, since the alias {alias!r} names it: move it "
                    f"(serve-app models alias {name}@NUMBER {alias}) or remove it "
                    f"(serve-app models alias {name} {alias} --remove)"
                )
                raise Conflict(msg, alias=alias, version=f"{name}@{version}")

    def _check_known(self, name: str) -> None:
        if not self._has_version(name):
            raise self._no_model(name)

    def _unknown(self, name: str, version: int) -> NotFound:
        versions = self.versions(name)
        if not versions:
            return self._no_model(name)
        listed = ", ".join(map(str, versions[-LISTED_VERSIONS:]))
        words = "its newest versions are" if len(versions) > LISTED_VERSIONS else "it has"
        deleted = " (it was deleted)" if self._numbers.is_retired(name, version) else ""
        msg = f"model {name!r} has no version {version}{deleted}; {words} {listed}"
        return NotFound(msg, known=versions)

    def _no_model(self, name: str) -> NotFound:
        known = self.models()
        hint = nearest(name, known) if known else "; it is empty"
        return NotFound(f"there is no model {name!r} in {self._files.url}{hint}", known=known)
