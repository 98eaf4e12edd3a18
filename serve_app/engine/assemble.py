"""Builds the stages of a snapshot: every choice is made here, none per request."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from serve_app.core.cache import NoCache, RowCache
from serve_app.core.columns import Columns
from serve_app.core.combine import COMBINE
from serve_app.core.combine_targets import per_target
from serve_app.core.ports import Clock, Models, Router
from serve_app.core.reference import split_version
from serve_app.core.schema import Policy, Schema
from serve_app.core.snapshot import Endpoint, Snapshot
from serve_app.engine.ask import Asked, AskForScores, AskInTurn, AskTogether
from serve_app.engine.stages import Ask, Prepare, Stage, Stages
from serve_app.routing import KINDS


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

    @property
    def caches(self) -> Mapping[str, RowCache]:
        """The caches of the endpoints that have one, by name."""
        return {name: cache for name, (_, cache) in self._caches.items()}

    def stages(self, snapshot: Snapshot) -> Stages:
        """Build the stages of every endpoint of a snapshot.

        Raises:
            ConfigError: an endpoint's description does not fit together.
        """
        self._caches = {
            name: self._cache(endpoint)
            for name, endpoint in snapshot.endpoints.items()
            if endpoint.cache is not None
        }
        return Stages(
            snapshot.version,
            {
                name: self._stage(endpoint, snapshot.aliases)
                for name, endpoint in snapshot.endpoints.items()
            },
            snapshot.waiting,
            snapshot.overrides,
            snapshot.aliases,
        )

    def _cache(self, spec: Endpoint) -> tuple[Endpoint, RowCache]:
        """The cache of an endpoint: the former one while nothing changed that decides answers."""
        assert spec.cache is not None  # noqa: S101 - called for no other
        # Who answers is part of every key; how answers are weighed is not.
        weightless = spec if spec.combine else spec.with_weights(dict.fromkeys(spec.asks(), 1.0))
        kept = self._caches.get(spec.name)
        if kept is not None and kept[0] == weightless:
            return kept
        return weightless, RowCache(spec.cache, clock=self._clock)

    def _stage(self, spec: Endpoint, aliases: Mapping[str, Mapping[str, int]]) -> Stage:
        names = spec.signature.names
        models = self._inline if spec.inline else self._replicas
        asked = Asked.of(spec, models, self._clock)
        return Stage(
            spec=spec,
            names=names,
            schema=Schema(spec.signature.inputs, Policy.from_json(spec.reactions)),
            router=self._router(spec),
            cache=self._caches[spec.name][1] if spec.cache is not None else NoCache(),
            prepare=self._prepare(spec),
            ask=self._ask(asked, spec),
            ask_for_scores=AskForScores(asked, spec.signature.output.raw_scores),
            labels=spec.signature.output.labels,
            several=spec.signature.output if spec.signature.output.targets else None,
            drops=spec.key if spec.key is not None and spec.key not in names else None,
            aliased=_aliased(spec, aliases),
        )

    def _router(self, spec: Endpoint) -> Router:
        module, _, name = KINDS[spec.kind].partition(":")
        kind: Any = getattr(import_module(module), name)
        built: Router = kind.of(spec, draw=self._draw)
        return built

    def _prepare(self, spec: Endpoint) -> Prepare:
        preprocess = spec.preprocess
        if preprocess is None:
            return _unchanged
        models = self._inline if preprocess.inline else self._replicas

        async def transform(columns: Columns, deadline: float) -> Columns:
            return await models.transform(preprocess.version, columns, deadline)

        return transform

    def _ask(self, asked: Asked, spec: Endpoint) -> Ask:
        if spec.combine is None:
            return AskInTurn(asked)
        combine = COMBINE[spec.combine]
        output = spec.signature.output
        if output.targets:
            combine = per_target(combine, output)
        return AskTogether(asked, combine, spec.quorum)


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
