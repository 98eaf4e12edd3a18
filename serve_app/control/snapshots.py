"""Which snapshot stands: what was declared, what was set since, and what is ready to serve."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping

from serve_app.core.ports import StateStore
from serve_app.core.reference import model_of
from serve_app.core.snapshot import Endpoint, Snapshot
from serve_app.errors import Conflict, InvalidInput, NotFound

logger = logging.getLogger("serve_app.control")


class Snapshots:
    """Decides when a new snapshot stands, and keeps each one in the state store.

    A declared endpoint stands once every version that it needs has answered; until then
    its former description goes on serving, so that a deploy never routes to replicas that
    are still starting, and one broken model holds up no other endpoint.
    """

    def __init__(self, store: StateStore) -> None:
        self._store = store
        latest = store.latest()
        self._current = Snapshot(0, "") if latest is None else Snapshot.from_json(latest)
        self._declaration = self._current.declaration
        self._declared: Mapping[str, Endpoint] = self._current.endpoints
        self._overrides: Mapping[str, Mapping[str, float]] = self._current.overrides
        self._aliases: Mapping[str, Mapping[str, int]] = self._current.aliases
        self._ready: set[str] = set()

    @property
    def current(self) -> Snapshot:
        """The snapshot that stands."""
        return self._current

    def declare(self, declaration: str, endpoints: Mapping[str, Endpoint]) -> None:
        """Take a declaration. A new one supersedes the weights that were set at run time."""
        if declaration != self._declaration:
            if self._overrides:
                logger.warning("a new declaration supersedes the weights set at run time")
            self._overrides = {}
        self._declaration = declaration
        self._declared = endpoints
        # What nobody needs may be gone when it is needed again.
        self._ready &= self.loaded_by_gateways() | self.needed_by_handle()
        self._advance()

    def set_weights(self, endpoint: str, weights: Mapping[str, float]) -> None:
        """Change the weights of some of an endpoint's variants until the next declaration.

        Raises:
            NotFound: no such endpoint or variant.
            InvalidInput: a weight that is none, or nobody left who would answer.
        """
        spec = self._declared.get(endpoint)
        if spec is None:
            known = sorted(self._declared)
            msg = f"there is no endpoint {endpoint!r}; endpoints: {', '.join(known) or 'none'}"
            raise NotFound(msg, known=known)
        if spec.kind == "single":
            msg = f"endpoint {endpoint!r} has one variant and no weights; declare a split first"
            raise InvalidInput(msg)
        known = [variant.version for variant in spec.variants]
        for version, weight in weights.items():
            if version not in known:
                msg = f"{version!r} is no variant of {endpoint!r}; it has {', '.join(known)}"
                raise NotFound(msg, known=known)
            if not (math.isfinite(weight) and weight >= 0):
                msg = f"the weight of {version} must be 0 or more, got {weight}"
                raise InvalidInput(msg)
        merged = {**self._overrides.get(endpoint, {}), **weights}
        changed = spec.with_weights(merged)
        members = sum(variant.weight > 0 for variant in changed.variants)
        if not members:
            msg = f"all weights of {endpoint!r} would be 0, so nobody would answer"
            raise InvalidInput(msg)
        if members < spec.quorum:
            msg = (
                f"the quorum of {endpoint!r} is {spec.quorum}, but only {members} variants "
                "would have a weight above 0"
            )
            raise InvalidInput(msg)
        self._overrides = {**self._overrides, endpoint: merged}
        self._advance()

    def set_aliases(self, aliases: Mapping[str, Mapping[str, int]]) -> None:
        """Take what the registry's aliases name now, by model."""
        self._aliases = aliases
        self._advance()

    def models(self) -> frozenset[str]:
        """The models of which declared endpoints have variants."""
        return frozenset(
            model_of(variant.version)
            for endpoint in self._declared.values()
            for variant in endpoint.variants
        )

    def ready(self, version: str) -> None:
        """A version has answered."""
        self._ready.add(version)
        self._advance()

    def loaded_by_gateways(self) -> frozenset[str]:
        """The versions that declared endpoints let gateways compute."""
        return frozenset(v for endpoint in self._declared.values() for v in endpoint.loads())

    def needed_by_handle(self) -> frozenset[str]:
        """The versions that declared endpoints need in replicas of their own."""
        return frozenset(v for endpoint in self._declared.values() for v in endpoint.needs())

    def serving_by_handle(self) -> frozenset[str]:
        """The versions that answer in replicas of their own now."""
        return frozenset(v for one in self._current.endpoints.values() for v in one.needs())

    def awaited(self) -> frozenset[str]:
        """The versions that declared endpoints still wait for."""
        return frozenset(v for versions in self._current.waiting.values() for v in versions)

    def _advance(self) -> None:
        """Let every declared endpoint stand that can, and keep the snapshot if it is new."""
        standing = self._current.endpoints
        serving = {
            v for endpoint in standing.values() for v in (*endpoint.needs(), *endpoint.loads())
        }
        endpoints: dict[str, Endpoint] = {}
        waiting: dict[str, tuple[str, ...]] = {}
        for name, declared in self._declared.items():
            endpoint = declared.with_weights(self._overrides.get(name, {}))
            missing = (endpoint.needs() | endpoint.loads()) - self._ready - serving
            if not missing:
                endpoints[name] = endpoint
                continue
            waiting[name] = tuple(sorted(missing))
            if name in standing:
                endpoints[name] = standing[name]
        self._keep(endpoints, waiting)

    def _keep(
        self, endpoints: Mapping[str, Endpoint], waiting: Mapping[str, tuple[str, ...]]
    ) -> None:
        current = self._current
        while True:
            snapshot = Snapshot(
                current.version + 1,
                self._declaration,
                endpoints,
                self._overrides,
                waiting,
                self._aliases,
            )
            if _same(snapshot, self._current):
                return
            try:
                self._store.save(snapshot.version, snapshot.declaration, snapshot.to_json())
            except Conflict:
                # Another control wrote in between (two overlap while one replaces the other).
                latest = self._store.latest()
                current = current if latest is None else Snapshot.from_json(latest)
                continue
            self._current = snapshot
            logger.info(
                "snapshot stands",
                extra={"snapshot": snapshot.version, "endpoints": sorted(endpoints)},
            )
            return


def _same(one: Snapshot, other: Snapshot) -> bool:
    a, b = one.to_json(), other.to_json()
    del a["version"], b["version"]
    return a == b
