"""Keeps in the state store which different rows principals asked about on a day, as sketches."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping

from serve_app.storage.monitor_state import MonitorState


class DistinctParts:
    """Implements `DistinctStore` of `control.distinct_rows`; control writes."""

    def __init__(self, state: str) -> None:
        self._state = MonitorState(state)

    def load(self, part: int) -> tuple[int, Mapping[str, bytes]]:
        """The day of a part, counted from 1970, and its registers by principal and endpoint.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        body = self._state.load(f"distinct-{part}")
        if body is None:
            return 0, {}
        packed: Mapping[str, str] = body["registers"]
        return body["day"], {
            name: zlib.decompress(base64.b64decode(one)) for name, one in packed.items()
        }

    def save(self, part: int, day: int, registers: Mapping[str, bytes]) -> None:
        """Keep a part in place of the former one.

        Raises:
            RegistryFailed: the database cannot be written.
        """
        # Of few rows nearly all registers are alike.
        packed = {
            name: base64.b64encode(zlib.compress(one)).decode() for name, one in registers.items()
        }
        self._state.save(f"distinct-{part}", {"day": day, "registers": packed})
