"""Builds the stages of a snapshot: every choice is made here, none per request."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from serve_app.core.cache import Cache, NoCache, RowCache
from serve_app.core.columns import Columns
from serve_app.core.ports import Clock, Models
from serve_app.core.reference import split_version
from serve_app.core.schema import Policy, Schema
from serve_app.core.snapshot import Endpoint, Snapshot
from serve_app.engine.ask import Asked, AskForScores
from serve_app.engine.stages import Prepare, Stage, Stages
from serve_app.routing import route_of


class Assembler:
    """Turns snapshots into stages.

    `replicas` reaches versions in their own applications, `inline` those that are loaded
    in this process; `draw` gives numbers in [0, 1) for routes without a key.
    """

    def __init__(
        self,
        *,
        replicas: Models,
        inline: Models,
        clock: Clock,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._replicas = replicas
        self._inline = inline
        self._clock = clock
        self._draw = draw
        self._caches: dict[str, tuple[Endpoint, RowCache]] = {}
        self._former = Stages()
        self._epochs: Mapping[str, int] = {}

    @property
    def caches(self) -> Mapping[str, RowCache]:
        """The caches of the endpoints that have one, by name."""
        return {name: cache for name, (_, cache) in self._caches.items()}

    def stages(self, snapshot: Snapshot) -> Stages:
        """Build the stages of every endpoint of a snapshot, anew only where something changed.

        Where nothing but weights changed, what follows from the description stays as it is.

        Raises:
            ConfigError: an endpoint's description does not fit together.
        """
        caches = {
            name: self._cache(endpoint)
            for name, endpoint in snapshot.endpoints.items()
            if endpoint.cache is not None
        }
        former = self._former
        kept = self._kept(snapshot)
        built = {
            name: kept.get(name)
            or self._stage(spec, snapshot, caches[name][1] if name in caches else NoCache())
            for name, spec in snapshot.endpoints.items()
        }
        described = built.keys() == former.endpoints.keys() and all(
            stage.schema is former.endpoints[name].schema for name, stage in built.items()
        )
        stages = Stages(
            snapshot.version,
            built,
            snapshot.waiting,
            snapshot.overrides,
            snapshot.aliases,
            former.description if described else object(),
        )
        self._caches, self._former, self._epochs = caches, stages, snapshot.epochs
        return stages

    def _kept(self, snapshot: Snapshot) -> dict[str, Stage]:
        """The former stages of endpoints of which nothing at all has changed."""
        if snapshot.aliases != self._former.aliases:
            return {}
        former = self._former.endpoints
        return {
            name: former[name]
            for name, spec in snapshot.endpoints.items()
            if name in former
            and former[name].spec is spec
            and self._epochs.get(name) == snapshot.epochs.get(name)
        }

    def _cache(self, spec: Endpoint) -> tuple[Endpoint, RowCache]:
        """The cache of an endpoint: the former one while nothing changed that decides answers."""
        assert spec.cache is not None  # noqa: S101 - called for no other
        # Who answers is part of every key; how answers are weighed is not.
        together = route_of(spec.route).answers_together
        weightless = spec if together else spec.with_weights(dict.fromkeys(spec.asks(), 1.0))
        kept = self._caches.get(spec.name)
        if kept is not None and kept[0] == weightless:
            return kept
        return weightless, RowCache(spec.cache, clock=self._clock)

    def _stage(self, spec: Endpoint, snapshot: Snapshot, cache: Cache) -> Stage:
        former = self._former.endpoints.get(spec.name)
        described = former if former is not None and spec.is_described_as(former.spec) else None
        names, output = spec.signature.names, spec.signature.output
        models = self._inline if spec.inline else self._replicas
        asked = Asked.of(spec, models, self._clock)
        route = route_of(spec.route)
        epoch = snapshot.epochs.get(spec.name, 0)
        return Stage(
            spec=spec,
            names=names,
            schema=described.schema
            if described is not None
            else Schema(spec.signature.inputs, Policy.from_json(spec.reactions)),
            router=route.router(salt=spec.name, epoch=epoch, draw=self._draw),
            cache=cache,
            prepare=self._prepare(spec),
            ask=route.ask(asked),
            ask_for_scores=AskForScores(asked, output.raw_scores),
            labels=output.labels,
            several=output if output.targets else None,
            drops=route.key if route.key is not None and route.key not in names else None,
            aliased=_aliased(spec, snapshot.aliases),
        )

    def _prepare(self, spec: Endpoint) -> Prepare:
        preprocess = spec.preprocess
        if preprocess is None:
            return _unchanged
        models = self._inline if preprocess.inline else self._replicas

        async def transform(columns: Columns, deadline: float) -> Columns:
            return await models.transform(preprocess.version, columns, deadline)

        return transform


async def _unchanged(columns: Columns, deadline: float) -> Columns:  # noqa: ARG001
    return columns


def _aliased(
    spec: Endpoint, aliases: Mapping[str, Mapping[str, int]]
) -> dict[str, tuple[str, ...]]:
    """The variants of an endpoint by the aliases that name them."""
    found: dict[str, list[str]] = {}
    for variant in spec.variants:
        model, number = split_version(variant.version)
        for alias, named in aliases.get(model, {}).items():
            if named == number:
                found.setdefault(alias, []).append(variant.version)
    return {alias: tuple(versions) for alias, versions in found.items()}
