"""The last snapshot that answered on a machine, kept there too: stores may be away, or lost."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from serve_app.core.ports import StateStore
from serve_app.core.snapshot import Snapshot
from serve_app.errors import ServeError
from serve_app.storage.last_good import LastGood, StoredSnapshot

logger = logging.getLogger("serve_app.storage")


class NearbySnapshots:
    """Reads snapshots from a store, or from a file of this machine where the store has none.

    A gateway that starts while its state is on a server that is away, on a full disk or in a
    damaged file, and control does not answer, goes on with what the one before it answered by. All
    gateways of a machine share the file. It is told by `state`, the store's place.
    """

    def __init__(self, store: StateStore, folder: Path, state: str) -> None:
        self._store = store
        digest = hashlib.sha256(state.encode()).hexdigest()[:16]
        self._file = LastGood(folder / f"serve-app-snapshot-{digest}")

    def latest(self) -> Mapping[str, Any] | None:
        """The newest snapshot's body, from wherever it can be read, or none.

        Raises:
            RegistryFailed: the store cannot be read, and there is no snapshot nearby.
        """
        nearby = self._file.read()
        try:
            body = self._store.latest()
        except ServeError as error:
            if nearby is None:
                raise
            logger.error(
                "the state store cannot be read, and the snapshot that answered here last is taken",
                extra={"why": error.message, "snapshot": nearby.version},
            )
            body = None
        if nearby is None or (body is not None and body["version"] >= nearby.version):
            return body
        kept: Mapping[str, Any] = json.loads(nearby.body)
        return kept

    def keep(self, snapshot: Snapshot) -> None:
        """Keep a snapshot under which this machine answers; a disk that is full stops nobody."""
        body = json.dumps(snapshot.to_json())
        try:
            self._file.save(StoredSnapshot(snapshot.version, snapshot.declaration, body))
        except OSError as error:
            logger.warning(
                "the snapshot is not kept on this machine",
                extra={"file": str(self._file.path), "why": str(error)},
            )
