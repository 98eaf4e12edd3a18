"""What a version is made of: its manifest, signatures of that, and its files, by their digests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pydantic

from serve_app.core import reference as references
from serve_app.errors import ArtifactRejected, RegistryFailed
from serve_app.registry.manifest import FileEntry, Manifest
from serve_app.registry.paths import digest_of
from serve_app.registry.signatures import Signatures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from serve_app.registry.files import Files
    from serve_app.registry.trust import Signs, Trust

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A version's manifest and the bytes of its files, every digest verified."""

    manifest: Manifest
    files: Mapping[str, bytes]


class Contents:
    """The bytes of all versions; with `trust`, of those alone that are signed as that wants."""

    def __init__(self, files: Files, trust: Trust | None) -> None:
        self._files = files
        self._trust = trust
        self.signatures = Signatures(files)

    def manifest(self, name: str, version: int) -> tuple[Manifest, bytes] | None:
        """A version's manifest and the bytes that it was read from; none where there is none.

        Raises:
            ArtifactRejected: the manifest is damaged, or not signed as it must be.
        """
        path = f"{name}/{version}/{MANIFEST}"
        content = self._files.read(path) if references.is_model(name) else None
        if content is None:
            return None
        if self._trust is not None:
            # Nothing of it is read before it is known whose it is.
            envelopes = self.signatures.of(name, version)
            self._trust.check_version(name, version, content, list(envelopes.values()))
        try:
            manifest = Manifest.decode(content)
        except pydantic.ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(map(str, problem["loc"])) or "the file"
            msg = f"{path} is damaged: {where}: {problem['msg']}; register the model again"
            raise ArtifactRejected(msg, file=MANIFEST, version=f"{name}@{version}") from None
        if (manifest.name, manifest.version) != (name, version):
            msg = f"{path} is the manifest of {manifest.reference}; put each where it belongs"
            raise ArtifactRejected(msg, file=MANIFEST, version=f"{name}@{version}")
        return manifest, content

    def file(self, manifest: Manifest, entry: FileEntry) -> bytes | None:
        """A file of a version, read once and verified; none where the version is there no more.

        Raises:
            ArtifactRejected: it is missing or a byte of it has changed; names it.
        """
        content = self._files.read(f"{manifest.name}/{manifest.version}/{entry.path}")
        if content is None and not self.has(manifest.name, manifest.version):
            # Somebody deleted the version between its manifest and this file.
            return None
        if content is None:
            problem = "is missing"
        elif len(content) != entry.size_bytes:
            problem = f"has {len(content)} bytes instead of {entry.size_bytes}"
        elif digest_of(content) != entry.sha256:
            problem = "has changed: its SHA-256 is not the registered one"
        else:
            return content
        msg = f"{entry.path} of {manifest.reference} {problem}; restore it or register it again"
        raise ArtifactRejected(msg, file=entry.path, version=manifest.reference)

    def has(self, name: str, version: int) -> bool:
        """Whether a version is visible."""
        return self._files.exists(f"{name}/{version}/{MANIFEST}")

    def write(self, folder: str, path: str, content: bytes) -> FileEntry:
        """Write a file of a version.

        Raises:
            RegistryFailed: there is one of that name, or the registry cannot be written.
        """
        self._create(f"{folder}/{path}", content)
        return FileEntry(path=path, sha256=digest_of(content), size_bytes=len(content))

    def write_manifest(
        self, manifest: Manifest, signer: Signs | None, previous: int | None
    ) -> None:
        """Let a version be there, signed beforehand where there is a signer; raises as `write`."""
        content = manifest.encode()
        if signer is not None:
            self.signatures.write((manifest.name, manifest.version), content, signer, previous)
        self._create(f"{manifest.name}/{manifest.version}/{MANIFEST}", content)

    def _create(self, file: str, content: bytes) -> None:
        if not self._files.create(file, content):
            msg = (
                f"{file} is already there; do two of the files differ only in upper and lower case?"
            )
            raise RegistryFailed(msg, path=file)
