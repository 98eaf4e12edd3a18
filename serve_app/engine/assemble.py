"""Builds the stages of a snapshot: every choice is made here, none per request."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from serve_app.core.cache import Cache, NoCache, RowCache
from serve_app.core.columns import Columns
from serve_app.core.ports import Clock, Models, Prepare
from serve_app.core.reference import split_version
from serve_app.core.schema import Policy, Schema
from serve_app.core.snapshot import Endpoint, Snapshot
from serve_app.engine.ask import AskAlone, Variants
from serve_app.engine.explain import AskWhy
from serve_app.engine.mirror import Mirror
from serve_app.engine.mirroring import Mirroring
from serve_app.engine.stacked import AskStacked, Stack
from serve_app.engine.stages import Mirrored, Stage, Stages, Way
from serve_app.routing import route_of
from serve_app.routing.route import Route
from serve_app.tasks import all_tasks, task_named

_NO_CACHE = NoCache()


class Assembler:
    """Turns snapshots into stages.

    `replicas` reaches versions in their own applications, `inline` those that are loaded
    in this process; `draw` gives numbers in [0, 1) for routes without a key, `schema` is the kind
    of what validates rows. `mirroring` shows requests to shadows; without it there are none.
    """

    def __init__(
        self,
        *,
        replicas: Models,
        inline: Models,
        clock: Clock,
        draw: Callable[[], float] = random.random,
        schema: type[Schema] = Schema,
        mirroring: Mirroring | None = None,
    ) -> None:
        self._replicas = replicas
        self._inline = inline
        self._clock = clock
        self._draw = draw
        self._schema = schema
        self._mirroring = mirroring
        self._caches: dict[str, tuple[Endpoint, RowCache]] = {}
        self._former = Stages()
        self._epochs: Mapping[str, int] = {}

    @property
    def caches(self) -> Mapping[str, RowCache]:
        """The caches of the endpoints that have one, by name."""
        return {name: cache for name, (_, cache) in self._caches.items()}

    def stages(self, snapshot: Snapshot) -> Stages:
        """Build the stages of every endpoint of a snapshot, anew only where something changed.

        Where nothing but steering changed, what follows from the description stays as it is.

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
            or self._stage(spec, snapshot, caches[name][1] if name in caches else _NO_CACHE)
            for name, spec in snapshot.endpoints.items()
        }
        unchanged = built.keys() == former.endpoints.keys() and all(
            stage.schema is former.endpoints[name].schema for name, stage in built.items()
        )
        stages = Stages(
            snapshot.version,
            built,
            snapshot.waiting,
            snapshot.overrides,
            snapshot.aliases,
            former.description if unchanged else object(),
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
        weightless = spec if together else spec.steered(dict.fromkeys(spec.asks(), 1.0), {})
        # Neither is who else is shown requests.
        weightless = replace(weightless, shadows=()) if weightless.shadows else weightless
        kept = self._caches.get(spec.name)
        if kept is not None and kept[0] == weightless:
            return kept
        return weightless, RowCache(spec.cache, clock=self._clock)

    def _stage(self, spec: Endpoint, snapshot: Snapshot, cache: Cache) -> Stage:
        former = self._former.endpoints.get(spec.name)
        same = former if former is not None and spec.equals_except_steering(former.spec) else None
        names, output = spec.signature.names, spec.signature.output
        route = route_of(spec.route).over(spec.signature.inputs)
        epoch, prepare = snapshot.epochs.get(spec.name, 0), self._prepare(spec)
        return Stage(
            spec=spec,
            names=names,
            schema=same.schema
            if same is not None
            else self._schema(spec.signature.inputs, Policy.from_json(spec.reactions)),
            router=route.router(salt=spec.name, epoch=epoch, draw=self._draw),
            prepare=prepare,
            ways=self._ways(spec, route, cache),
            labels=output.labels,
            several=output if output.targets else None,
            drops=frozenset(
                key
                for key in (
                    route.key,
                    spec.records.key,
                    spec.records.subject,
                    *spec.records.segments,
                )
                if key and key not in names
            ),
            why=self._why(spec),
            aliased=_aliased(spec, snapshot.aliases),
            mirror=self._mirror(spec, prepare),
        )

    def _ways(self, spec: Endpoint, route: Route, cache: Cache) -> dict[str, Way]:
        """How each method that requests may want is answered, by its name."""
        models = self._inline if spec.inline else self._replicas
        ways: dict[str, Way] = {}
        for task in all_tasks():
            variants = Variants.of(spec, models, task, self._clock, self._stack(spec))
            if task.compare:
                ask = route.ask(variants)
            else:
                ask = AskAlone(variants, task.words, task.is_given(spec.signature.output))
            way = Way(ask, cache if task.is_remembered else _NO_CACHE)
            ways.update(dict.fromkeys((method.name for method in task.methods), way))
        return ways

    def _stack(self, spec: Endpoint) -> Stack | None:
        if spec.meta is None:
            return None
        return Stack(spec.meta, self._inline if spec.meta.inline else self._replicas)

    def _mirror(self, spec: Endpoint, prepare: Prepare) -> Mirrored | None:
        """How shadows are asked: about predictions, whose answers compare between models."""
        if self._mirroring is None or not spec.shadows:
            return None
        task = task_named("predict")
        models = self._mirroring.inline if spec.inline else self._replicas
        methods = frozenset(method.name for method in task.methods)
        variants = Variants.of(spec, models, task, self._clock)
        mirror = Mirror(spec.name, spec.shadows, methods, variants, prepare)
        return partial(self._mirroring.mirror, mirror)

    def _why(self, spec: Endpoint) -> AskWhy:
        preprocess = spec.preprocess
        models = self._inline if spec.inline else self._replicas
        is_inline = preprocess is not None and preprocess.inline
        transformers = self._inline if is_inline else self._replicas
        stack = self._stack(spec)
        if stack is None:
            return AskWhy(models, spec, transformers)
        variants = Variants.of(spec, models, task_named("predict"), self._clock, stack)
        return AskWhy(models, spec, transformers, AskStacked(variants, stack))

    def _prepare(self, spec: Endpoint) -> Prepare:
        preprocess = spec.preprocess
        if preprocess is None:
            return _unchanged
        models = self._inline if preprocess.inline else self._replicas
        transformation = task_named("transform")

        async def transform(columns: Columns, deadline: float) -> Columns:
            features: Columns = await models.ask(
                preprocess.version, transformation, columns, deadline
            )
            return features

        return transform


async def _unchanged(columns: Columns, deadline: float) -> Columns:  # noqa: ARG001
    return columns


def _aliased(
    spec: Endpoint, aliases: Mapping[str, Mapping[str, int]]
) -> dict[str, tuple[str, ...]]:
    """The variants of an endpoint by the aliases that name them.

    An alias that the endpoint follows names whom it asks for it, also while the registry's has
    moved on and the next version does not answer yet.
    """
    by_alias: dict[str, list[str]] = {}
    followed = {variant.declared for variant in spec.variants if variant.alias is not None}
    for variant in spec.variants:
        model, number = split_version(variant.version)
        named = {alias for alias, one in aliases.get(model, {}).items()
                 if one == number and f"{model}@{alias}" not in followed}  # fmt: skip
        for alias in sorted(named if variant.alias is None else {*named, variant.alias}):
            by_alias.setdefault(alias, []).append(variant.version)
    return {alias: tuple(versions) for alias, versions in by_alias.items()}
