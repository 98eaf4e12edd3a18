"""The transformer that an endpoint's rows pass before any variant sees them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from serve_app.core.former_snapshots import stated
from serve_app.core.reference import declared_as


@dataclass(frozen=True, slots=True)
class Preprocess:
    """The transformer that runs before all variants, and whether inside the gateway.

    `alias` is the one of its model that the declaration names it by, if it does.
    """

    version: str
    inline: bool
    alias: str | None = None

    @property
    def declared(self) -> str:
        """The reference as the declaration writes it."""
        return declared_as(self.version, self.alias)

    def to_json(self) -> dict[str, Any]:
        """The transformer as JSON values."""
        return stated(asdict(self))
