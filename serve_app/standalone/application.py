"""The gateway and the models behind it in one process, as an ASGI application."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

from starlette.types import Receive, Scope, Send

from serve_app.config import GatewayArgs
from serve_app.config.detail import details_of
from serve_app.config.registry import registry_settings
from serve_app.control.quotas import Ledger, Nowhere
from serve_app.core.hosts import EVERY_NAME
from serve_app.core.identifiers import PredictionIds
from serve_app.core.lanes import Lanes
from serve_app.core.offload import Offload
from serve_app.core.ports import Clock
from serve_app.core.reference import split_version
from serve_app.core.snapshot import Endpoint, Snapshot
from serve_app.core.steps import Steps
from serve_app.engine.assemble import Assembler
from serve_app.engine.coalesced import Limits
from serve_app.engine.load import Loaded, load
from serve_app.engine.local import InlineModels
from serve_app.engine.predict import Predictor
from serve_app.engine.trusted_registry import required_trust, trust_of
from serve_app.errors import ConfigError
from serve_app.gateway.access import MAIN, Gate, protect
from serve_app.gateway.app import build as build_gateway
from serve_app.gateway.context import Settings
from serve_app.gateway.distinct_counting import distinct_rows_of
from serve_app.gateway.limiting import limited, limiter_of, limits_of
from serve_app.gateway.middleware import Edge, RequestIds
from serve_app.gateway.overload import sharing_of, shedding_of
from serve_app.monitoring import samples
from serve_app.monitoring.catalogue import Sample
from serve_app.monitoring.counting import Counting
from serve_app.registry.store import Registry
from serve_app.security.authenticators import Authenticator
from serve_app.security.limits import NO_LIMITS
from serve_app.security.trusted_keys import TrustedKeys
from serve_app.standalone.callers import callers_of
from serve_app.standalone.declaration import Declared, endpoints_of, read_config
from serve_app.standalone.memory import available_bytes
from serve_app.standalone.places import SEVERAL_VARIABLE
from serve_app.standalone.settings import RunSettings
from serve_app.standalone.several_models import SeveralModels, StoredVersion
from serve_app.standalone.versions import only_model, opened

EMPTY: Mapping[str, Mapping[str, int]] = MappingProxyType({})
logger = logging.getLogger("serve_app.standalone")
Samples = Callable[[], Iterable[Sample]]


class Application:
    """Answers as a gateway does, by models that are loaded here.

    It answers that it is not ready until `load` is done. Whom the `authenticator` does not know is
    refused, or whom the settings do not name without one; without both everybody may ask.
    `declared` stands for the file of the settings' config. What the process counts besides is in
    `samples_besides`.
    """

    def __init__(
        self,
        settings: RunSettings,
        *,
        clock: Clock,
        authenticator: Authenticator | None = None,
        declared: Declared | None = None,
        samples_besides: Samples = tuple,
    ) -> None:
        self._settings = settings
        self._samples_besides = samples_besides
        self._declared = declared or _read(settings)
        args = GatewayArgs() if self._declared is None else self._declared.gateway
        limits = Limits(**args.coalesce.model_dump())
        self._allowed_hosts = (*settings.allowed_hosts, *args.allowed_hosts)
        self._compute = Lanes("compute")
        self._large = Steps("large-bodies")
        self._models = InlineModels(clock=clock, limits=limits, lanes=self._compute)
        self._assembler = Assembler(replicas=self._models, inline=self._models, clock=clock)
        self._loaded: dict[str, Loaded] = {}
        self._is_leaving = False
        callers = None if args.limits is None else limits_of(args.limits)
        limiter = limiter_of(args.limits, clock, Ledger(Nowhere(), clock=time.time).lease)
        counting = Counting()
        if authenticator is None:
            authenticator = callers_of(
                args.access, settings.keys_file, clock=time.time, monotonic=clock
            )
        self._predictor = Predictor(
            clock=clock,
            ids=PredictionIds(),
            offload=Offload(self._large.begun, self._large.first),
            is_alive=lambda _version: not self._is_leaving,
            counting=counting,
            limiter=limiter or NO_LIMITS,
            details=details_of(args.access.detail),
            distinct=distinct_rows_of(callers, counting, clock),
            shedding=shedding_of(args.overload, clock),
            sharing=sharing_of(args, clock, known=authenticator is not None),
        )
        self.gate = self._gate(authenticator)
        self.is_open = settings.is_open or args.access.mode == "open"
        """Whether somebody said that everybody may ask, from other machines too."""
        self._several = self._several_models()
        gateway = build_gateway(
            self._predictor, _gateway_settings(settings, args), management=self._several
        )
        within = limited(gateway, limiter, self._predictor.counting.add_response)
        self._app = Edge(RequestIds(protect(within, self.gate, MAIN), ids=PredictionIds()))

    def _gate(self, authenticator: Authenticator | None) -> Gate | None:
        if authenticator is None:
            return None
        health_route = self._settings.place.health_route
        count = self._predictor.counting.add_response
        hosts = self._allowed_hosts
        return Gate(authenticator, count, health_route=health_route, hosts=hosts)

    @property
    def allowed_hosts(self) -> tuple[str, ...]:
        """To which names it answers on loopback, beside those of this machine."""
        return self._allowed_hosts if self.gate is None else (EVERY_NAME,)

    @property
    def is_ready(self) -> bool:
        """Whether requests can be answered."""
        return self._predictor.is_ready

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._app(scope, receive, send)

    async def load(self) -> None:
        """Load every version that the endpoints ask, prove that it answers alike, then answer.

        Raises:
            ServeError: an endpoint does not fit, or a version cannot be loaded.
        """
        if self._several is not None:
            self._show({}, {})
            logger.info("answering", extra={"endpoints": []})
            return
        settings = self._settings
        registry = await asyncio.to_thread(opened, settings.models, self._trust())
        endpoints = await asyncio.to_thread(endpoints_of, settings, self._declared, registry)
        loaded: dict[str, Loaded] = {}
        for version in sorted({one for spec in endpoints.values() for one in spec.asks()}):
            name, number = split_version(version)
            one = await asyncio.to_thread(
                load, registry, name, number, allow_pickle=settings.allows_pickle
            )
            loaded[version] = one.in_threads(settings.threads)
            logger.info("version loaded", extra={"version": version, "compiled": one.compiled})
        self._show(endpoints, loaded, await asyncio.to_thread(_aliases, registry, set(loaded)))
        logger.info("answering", extra={"endpoints": sorted(endpoints)})

    def _show(
        self,
        endpoints: Mapping[str, Endpoint],
        loaded: Mapping[str, Loaded],
        aliases: Mapping[str, Mapping[str, int]] = EMPTY,
    ) -> None:
        """Answer under these endpoints from now on, by versions that are all loaded."""
        number = self._predictor.stages.version + 1
        stages = self._assembler.stages(Snapshot(number, "", endpoints, aliases=aliases))
        # What is on its way finds its version until the next stages stand.
        self._models.replace({**self._loaded, **loaded})
        self._predictor.swap(stages)
        self._loaded = dict(loaded)
        self._models.replace(loaded)

    def _trust(self) -> TrustedKeys | None:
        return _trust(self._settings, None if self._declared is None else self._declared.gateway)

    def _several_models(self) -> SeveralModels | None:
        """What loads models on request, where the platform asks for them so.

        Raises:
            ConfigError: endpoints are named or declared as well.
        """
        settings = self._settings
        if not settings.place.has_several:
            return None
        if settings.endpoints is not None or settings.config is not None:
            msg = (
                f"{SEVERAL_VARIABLE} lets the platform load models on request: leave out "
                "SERVE_APP_MODEL and --config"
            )
            raise ConfigError(msg)
        trust = self._trust()

        def read(name: str, folder: str) -> StoredVersion:
            return version_in(folder, name, settings, trust)

        return SeveralModels(settings.models, read, available_bytes, self._show)

    def samples(self) -> Iterator[Sample]:
        """What was counted so far, as samples of the catalogue's metrics."""
        yield from self._predictor.samples()
        yield from samples.of_coalescers(self._models.counters())
        yield from samples.of_caches(self._assembler.caches)
        yield from samples.of_models(one.manifest for one in self._loaded.values())
        yield from self._samples_besides()

    def leave(self) -> None:
        """Say from now on that nobody is to be sent here, and go on answering who comes."""
        self._is_leaving = True

    async def close(self) -> None:
        """Let the threads go; what computes is finished first."""
        await asyncio.to_thread(self._compute.shutdown)
        await asyncio.to_thread(self._large.shutdown)


def build(
    settings: RunSettings,
    *,
    clock: Clock,
    authenticator: Authenticator | None = None,
    samples_besides: Samples = tuple,
) -> Application:
    """The application of some settings, not yet loaded."""
    return Application(
        settings, clock=clock, authenticator=authenticator, samples_besides=samples_besides
    )


def _trust(settings: RunSettings, args: GatewayArgs | None) -> TrustedKeys | None:
    """Whose signatures count: as the command line or the environment says, or else the config.

    Raises:
        ConfigError: signatures are required of no key, or a key cannot be read.
    """
    if settings.trusted_keys or settings.requires_signed:
        return required_trust(settings.trusted_keys, required=settings.requires_signed)
    return None if args is None else trust_of(registry_settings(args.registry))


def version_in(
    folder: str, name: str, settings: RunSettings, trust: TrustedKeys | None
) -> StoredVersion:
    """The version that a folder holds, as an endpoint of a name; raises as `endpoints_of`."""
    registry = opened(folder, trust)
    reference = only_model(registry, folder)
    here = replace(settings, models=folder, endpoints={name: reference})
    endpoint = endpoints_of(here, None, registry)[name]
    model, number = split_version(next(iter(endpoint.asks())))
    return StoredVersion(
        endpoint,
        registry.manifest(model, number),
        partial(load, registry, model, number, allow_pickle=settings.allows_pickle),
    )


def _aliases(registry: Registry, versions: set[str]) -> dict[str, dict[str, int]]:
    return {name: registry.aliases(name) for name in {split_version(v)[0] for v in versions}}


def _gateway_settings(settings: RunSettings, args: GatewayArgs) -> Settings:
    place = settings.place
    return Settings(
        args.max_body_bytes,
        args.max_rows,
        settings.default_endpoint or args.default_endpoint,
        args.server_name,
        args.compress_above_bytes,
        health_route=place.health_route,
        predict_route=place.predict_route,
        replica=PredictionIds()(),
        max_explained_rows=args.max_explained_rows,
        origins=() if args.cors is None else args.cors.origins,
        proofs=args.access.proofs or (() if settings.keys_file is None else ("key",)),
    )


def _read(settings: RunSettings) -> Declared | None:
    return None if settings.config is None else read_config(Path(settings.config))
