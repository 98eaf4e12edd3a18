"""Versions as an endpoint names them: who answers, and who is shown requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serve_app.core.former_snapshots import stated
from serve_app.core.reference import declared_as
from serve_app.core.signature import Target


@dataclass(frozen=True, slots=True)
class Variant:
    """A version as a target of an endpoint; `labels` are its classes in its own order.

    `targets` are those that it says something of, in its own order, where there are several.
    `alias` is the one of its model that the declaration names it by, if it does, and `also` a
    further one, where two names of the declaration have come to mean the same version.
    """

    version: str
    weight: float = 1.0
    labels: tuple[Any, ...] = ()
    targets: tuple[Target, ...] = ()
    alias: str | None = None
    also: str | None = None

    @property
    def further(self) -> str | None:
        """The reference by its further alias, where it has one."""
        return None if self.also is None else declared_as(self.version, self.also)

    @property
    def declared(self) -> str:
        """The reference as the declaration writes it: `diagnosis-xgb@champion`, or the version."""
        return declared_as(self.version, self.alias)

    def to_json(self) -> dict[str, Any]:
        """The variant as JSON values."""
        return stated(
            {
                "version": self.version,
                "weight": self.weight,
                "labels": list(self.labels),
                "targets": [target.to_json() for target in self.targets],
                "alias": self.alias,
                **({} if self.also is None else {"also": self.also}),
            }
        )

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Variant:
        """Read what `to_json` wrote."""
        targets = tuple(Target.from_json(target) for target in body.get("targets", ()))
        labels = tuple(body["labels"])
        named = (body.get("alias"), body.get("also"))
        return Variant(body["version"], body["weight"], labels, targets, *named)


@dataclass(frozen=True, slots=True)
class Shadow:
    """A variant that is shown a share of the requests once they are answered, and answers nobody.

    Which requests these are follows from their ids: `sample` is their share, from 0 to 1. What it
    says later than `timeout_s` seconds after it was asked does not count.
    """

    variant: Variant
    sample: float = 1.0
    timeout_s: float = 2.0

    @property
    def version(self) -> str:
        """The version that is shown requests."""
        return self.variant.version

    def to_json(self) -> dict[str, Any]:
        """The shadow as JSON values."""
        own = {"sample": self.sample, "timeout_s": self.timeout_s}
        return {"variant": self.variant.to_json(), **own}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Shadow:
        """Read what `to_json` wrote."""
        return cls(Variant.from_json(body["variant"]), body["sample"], body["timeout_s"])
