"""Signatures beside versions: an envelope of each key that signed one.

<root>/<model>/<n>/signatures/<key>.json
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from serve_app.registry.files import Files
    from serve_app.registry.trust import Signs

FOLDER = "signatures"
_SUFFIX = ".json"
_MOST = 64


class Signatures:
    """The signatures of all versions of a registry."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def of(self, model: str, number: int) -> dict[str, bytes]:
        """The envelopes of a version, at most 64, by their paths in its folder."""
        names = self._files.names(f"{model}/{number}/{FOLDER}")
        paths = [f"{FOLDER}/{name}" for name in names if name.endswith(_SUFFIX)][:_MOST]
        contents = {path: self._files.read(f"{model}/{number}/{path}") for path in paths}
        return {path: content for path, content in contents.items() if content is not None}

    def write(
        self, version: tuple[str, int], manifest: bytes, signer: Signs, previous: int | None
    ) -> None:
        """Sign a version's manifest; what the same key signed of it before is replaced."""
        model, number = version
        file = f"{model}/{number}/{FOLDER}/{signer.key_id}{_SUFFIX}"
        content = signer.version(model, number, manifest, previous)
        while not self._files.create(file, content):
            self._files.remove(file)
