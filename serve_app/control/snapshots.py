"""Which snapshot stands: what was declared, what was set since, and what is ready to serve."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from serve_app.control import standing
from serve_app.control.declare import Declaration
from serve_app.control.following import followed
from serve_app.control.standing import Refusal, State
from serve_app.core.access import Access
from serve_app.core.experiment import Experiment
from serve_app.core.ports import StateStore
from serve_app.core.reference import alias_of, model_of, split_version
from serve_app.core.rollout import Rollout
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
        """Take a declaration, or remember why it cannot be served.

        Where it stands already, endpoints whose aliases name what does not fit stay as they are.
        """
        is_same = declaration.hash == self._state.declaration
        former = self._state.declared if is_same else {}
        outcome = followed(former, declaration, self._state.rollouts)
        if outcome.problems:
            self.refuse(declaration.hash, [problem.words() for problem in outcome.problems])
        else:
            self.declare(declaration.hash, outcome.endpoints, outcome.held)

    def follow(self, declaration: Declaration) -> None:
        """Take what aliases of the declaration that stands name now; another one changes nothing.

        A refusal of what was declared since goes on.
        """
        if declaration.hash != self._state.declaration:
            return
        outcome = followed(self._state.declared, declaration, self._state.rollouts)
        endpoints = {**self._state.declared, **outcome.endpoints}
        self._move(standing.followed(self._state, endpoints, outcome.held))

    def declare(
        self,
        declaration: str,
        endpoints: Mapping[str, Endpoint],
        held: Mapping[str, str] | None = None,
    ) -> None:
        """Take a declaration. A new one supersedes the weights that were set at run time."""
        former = self._state
        self._move(standing.declared(former, declaration, endpoints, held))
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

    @property
    def rollouts(self) -> Mapping[str, Rollout]:
        """How far the candidates of endpoints are that have one."""
        return self._state.rollouts

    def rollout(self, endpoint: str) -> Rollout:
        """The rollout of an endpoint.

        Raises:
            NotFound: it has none.
        """
        return standing.rollout_of(self._state, endpoint)

    def move_rollout(self, endpoint: str, rollout: Rollout) -> None:
        """Let a rollout be where it has come to; its weights are in effect with it.

        Raises:
            NotFound: the endpoint has none.
        """
        self._move(standing.rollout_moved(self._state, endpoint, rollout))

    @property
    def experiments(self) -> Mapping[str, Experiment]:
        """How far the experiments of endpoints are that have one."""
        return self._state.experiments

    def experiment(self, endpoint: str) -> Experiment:
        """The experiment of an endpoint.

        Raises:
            NotFound: it has none.
        """
        return standing.experiment_of(self._state, endpoint)

    def move_experiment(self, endpoint: str, experiment: Experiment) -> None:
        """Let an experiment be where it has come to.

        Raises:
            NotFound: the endpoint has none.
        """
        self._move(standing.experiment_moved(self._state, endpoint, experiment))

    def learn(self, steering: Mapping[str, Mapping[str, Any]]) -> None:
        """Take what routes that learn know by now, by endpoint.

        Raises:
            RegistryFailed: it cannot be kept; nothing has changed.
        """
        self._move(standing.learned(self._state, steering))

    def outnumber(self, version: int) -> None:
        """Let what stands be newer than a version that a gateway has seen.

        A state that was lost begins at 1 again, and gateways take no older snapshot than theirs.
        While versions are awaited theirs is the better one.
        """
        if version > self.current.version and not self.current.waiting:
            self._move(standing.outnumbered(self._state, version))

    @property
    def access(self) -> Access:
        """Who has keys."""
        return self._state.access

    def set_access(self, access: Access) -> None:
        """Take who has keys now.

        Raises:
            RegistryFailed: it cannot be kept; nothing has changed.
        """
        self._move(standing.access_changed(self._state, access))

    def set_aliases(self, aliases: Mapping[str, Mapping[str, int]]) -> None:
        """Take what the registry's aliases name now, by model."""
        self._move(standing.aliases_read(self._state, aliases))

    def keep_former(self, kept: Mapping[str, str]) -> None:
        """Take which former versions stay loaded, by the references that endpoints follow."""
        self._move(standing.former_versions_kept(self._state, kept))

    def set_applications(self, present: frozenset[str]) -> None:
        """Take which applications there are."""
        self._move(standing.applications_seen(self._state, present))

    def models(self) -> frozenset[str]:
        """The models of which declared endpoints have variants, or follow aliases."""
        variants = (v for endpoint in self._state.declared.values() for v in endpoint.variants)
        return frozenset(map(model_of, [*(v.version for v in variants), *self._state.follows()]))

    @property
    def held(self) -> Mapping[str, str]:
        """Why endpoints keep versions that their aliases do not name any more, by endpoint."""
        return self._state.held

    def is_behind(self) -> bool:
        """Whether declared endpoints ask other versions than those that their aliases name."""
        aliases = self._state.aliases
        return any(
            aliases.get(model_of(reference), {}).get(alias_of(reference) or "")
            != split_version(version)[1]
            for reference, version in self._state.follows().items()
        )

    def follows(self) -> Mapping[str, str]:
        """The versions that declared endpoints ask by an alias, by reference."""
        return self._state.follows()

    def placed(self) -> Mapping[str, str]:
        """The application in which each version is looked for that declared endpoints ask."""
        return self._state.placed()

    @property
    def present(self) -> frozenset[str] | None:
        """The names of the applications that there are, where anybody looked."""
        return self._state.present

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
