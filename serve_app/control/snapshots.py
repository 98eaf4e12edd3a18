"""Which snapshot stands: what was declared, what was set since, and what is ready to serve."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from serve_app.control import standing
from serve_app.control.declare import Declaration
from serve_app.control.standing import Refusal, State
from serve_app.core.ports import StateStore
from serve_app.core.reference import model_of
from serve_app.core.snapshot import Endpoint, Snapshot
from serve_app.errors import Conflict

logger = logging.getLogger("serve_app.control")


class Snapshots:
    """Decides when a new snapshot stands, and keeps each one in the state store.

    A declared endpoint stands once every version that it needs has answered; until then
    its former description goes on serving, so that a deploy never routes to replicas that
    are still starting, and one broken model holds up no other endpoint. What cannot be kept
    raises what the store raises, and has changed nothing.
    """

    def __init__(self, store: StateStore) -> None:
        self._store = store
        latest = store.latest()
        self._state = State.of(Snapshot(0, "") if latest is None else Snapshot.from_json(latest))

    @property
    def current(self) -> Snapshot:
        """The snapshot that stands."""
        return self._state.current

    @property
    def refusal(self) -> Refusal | None:
        """The declaration that came last, where it cannot be served; the one before it stands."""
        return self._state.refusal

    @property
    def refused(self) -> tuple[str, ...]:
        """What is wrong with the declaration that came last, in words."""
        return () if self.refusal is None else self.refusal.problems

    def take(self, declaration: Declaration) -> None:
        """Take a declaration, or remember why it cannot be served."""
        if declaration.problems:
            self.refuse(declaration.hash, [problem.words() for problem in declaration.problems])
        else:
            self.declare(declaration.hash, declaration.endpoints)

    def declare(self, declaration: str, endpoints: Mapping[str, Endpoint]) -> None:
        """Take a declaration. A new one supersedes the weights that were set at run time."""
        former = self._state
        self._move(standing.declared(former, declaration, endpoints))
        if former.overrides and declaration != former.declaration:
            logger.warning("a new declaration supersedes the weights set at run time")

    def refuse(self, declaration: str, problems: Sequence[str]) -> None:
        """Remember why a declaration cannot be served; what was declared before it stands."""
        self._move(standing.refused(self._state, Refusal(declaration, tuple(problems))))
        logger.error("a declaration is refused", extra={"why": "; ".join(problems)})

    def set_weights(self, endpoint: str, weights: Mapping[str, float]) -> None:
        """Change the weights of some of an endpoint's variants until the next declaration.

        Raises:
            NotFound: no such endpoint or variant.
            InvalidInput: its kind of route refuses the weights.
        """
        self._move(standing.weights_set(self._state, endpoint, weights))

    def set_aliases(self, aliases: Mapping[str, Mapping[str, int]]) -> None:
        """Take what the registry's aliases name now, by model."""
        self._move(standing.aliases_read(self._state, aliases))

    def models(self) -> frozenset[str]:
        """The models of which declared endpoints have variants."""
        return frozenset(
            model_of(variant.version)
            for endpoint in self._state.declared.values()
            for variant in endpoint.variants
        )

    def ready(self, version: str) -> None:
        """A version has answered."""
        self._move(standing.answered(self._state, version))

    def loaded_by_gateways(self) -> frozenset[str]:
        """The versions that declared endpoints let gateways compute."""
        return self._state.loaded_by_gateways()

    def needed_by_handle(self) -> frozenset[str]:
        """The versions that declared endpoints need in replicas of their own."""
        return self._state.needed_by_handle()

    def serving_by_handle(self) -> frozenset[str]:
        """The versions that answer in replicas of their own now."""
        return frozenset(v for one in self.current.endpoints.values() for v in one.needs())

    def awaited(self) -> frozenset[str]:
        """The versions that declared endpoints still wait for."""
        return frozenset(v for versions in self.current.waiting.values() for v in versions)

    def _move(self, state: State) -> None:
        """Keep the snapshot of the next state, if it has a new one, and only then be in it."""
        if state.current is not self.current:
            state = self._kept(state)
            logger.info(
                "snapshot stands",
                extra={
                    "snapshot": state.current.version,
                    "endpoints": sorted(state.current.endpoints),
                },
            )
        self._state = state

    def _kept(self, state: State) -> State:
        """The state with its snapshot as it was kept, under the next free version."""
        while True:
            snapshot = state.current
            try:
                self._store.save(snapshot.version, snapshot.declaration, snapshot.to_json())
            except Conflict:
                # Another control wrote in between (two overlap while one replaces the other).
                latest = self._store.latest()
                if latest is None:
                    raise
                own = replace(state, current=self.current)
                state = standing.advanced(own, Snapshot.from_json(latest))
            else:
                return state
