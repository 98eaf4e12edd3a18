"""Keeps what is known of API keys."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING

from serve_app.core.access import KeyRecord
from serve_app.storage.store import Store

if TYPE_CHECKING:
    from serve_app.storage.key_rows import KeyRows


class KeyStore(Store):
    """Implements the `KeyStore` port of `control.keys`; control writes, any process may read."""

    @cached_property
    def _rows(self) -> KeyRows:
        from serve_app.storage.key_rows import KeyRows  # noqa: PLC0415

        return KeyRows(self._place, self._clock)

    def put(self, *records: KeyRecord) -> None:
        """Keep all of these or none, each in place of what was kept of its id.

        Raises:
            RegistryFailed: the database cannot be written.
        """
        self._rows.put((one.id, one.principal, json.dumps(one.to_json())) for one in records)

    def all(self) -> list[KeyRecord]:
        """Every key that there ever was, by id.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        return [KeyRecord.from_json(json.loads(body)) for body in self._rows.all()]

    def stamp(self) -> tuple[int, float]:
        """Something that differs after each change, cheaper than reading all of them.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        return self._rows.stamp()
