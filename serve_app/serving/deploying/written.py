"""Configs as texts for people: complete, commented, and ready to be deployed."""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml

from serve_app.errors import NotFound
from serve_app.registry.manifest import Manifest
from serve_app.registry.store import Registry
from serve_app.serving.deploying.declaration import (
    CONTROL_TEXT,
    GATEWAY_TEXT,
    LOGGING_TEXT,
    MONITOR_TEXT,
    Config,
    model_text,
    records_beside,
    scalar,
)

CHAMPION = "champion"
HEAD_TEXT = """\
# {what}
# Check: serve-app validate FILE    Deploy: serve-app deploy FILE
http_options: {{host: 127.0.0.1, port: {http_port}}}
logging_config: {logging}
applications:
"""
GATEWAY_NOTES = """\
    # default_endpoint: {name}      # answers where a path names none (/invocations, /score, …)
    # grpc_port: 9000      # the Open Inference Protocol over gRPC
    # listeners: [{{profile: tfs, port: 8501}}]      # ports that speak as one system does
"""
ENDPOINT_TEXT = """\
        {name}:      # POST /v1/models/{name}:predict
          placement: {placement}
          route: {{kind: single, model: {reference}}}
"""
ENDPOINT_NOTES = """\
          # Of two versions, a tenth of the requests to the second:
          # route:
          #   kind: split
          #   key: customer_id      # the same customer always gets the same one
          #   variants: [{{model: {reference}, weight: 90}}, {{model: {name}@{next}, weight: 10}}]
          # fallback: {reference}      # answers where the others fail
          # schema: {{range: refuse, category: refuse}}      # what is only warned of otherwise
          # cache: {{rows: 10000, ttl_s: 60}}      # remembers answers by row
          # timeout_s: 10
"""
PREPROCESS_NOTE = """\
          # preprocess: {{model: {reference}, placement: inline}}      # runs first
"""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a config is laid out: its paths and port, and where versions compute."""

    registry: str
    state: str
    http_port: int
    inline: bool


@dataclass(frozen=True, slots=True)
class Versions:
    """One version of each model: those that predict, and those that transform."""

    predictors: tuple[Manifest, ...]
    transformers: tuple[Manifest, ...]

    def without(self, references: Iterable[str]) -> "Versions":
        """The same without some that predict."""
        gone = set(references)
        left = tuple(one for one in self.predictors if one.reference not in gone)
        return replace(self, predictors=left)


def chosen(store: Registry) -> Versions:
    """Of each registered model the champion, or the newest version where there is none.

    Raises:
        NotFound: nothing is registered.
    """
    names = [name for name in store.models() if store.versions(name)]
    if not names:
        raise NotFound("no model is registered yet; serve-app register puts one there")
    manifests = [store.manifest(name, _number(store, name)) for name in names]
    kinds = [one.signature.output.kind == "transform" for one in manifests]
    return Versions(
        tuple(one for one, transforms in zip(manifests, kinds, strict=True) if not transforms),
        tuple(one for one, transforms in zip(manifests, kinds, strict=True) if transforms),
    )


def registered_text(versions: Versions, layout: Layout) -> str:
    """A config with an endpoint per version that predicts; what else could stand is noted."""
    paths = {"registry": scalar(layout.registry), "state": scalar(layout.state)}
    records = scalar(records_beside(layout.state))
    gateway = GATEWAY_TEXT.format(**paths)
    notes = GATEWAY_NOTES.format(name=versions.predictors[0].name)
    before, deployments, after = gateway.partition("  deployments:\n")
    return "".join(
        [
            HEAD_TEXT.format(
                what="Every registered model, each at an endpoint of its name.",
                http_port=layout.http_port,
                logging=LOGGING_TEXT,
            ),
            before + notes + deployments + after,
            CONTROL_TEXT.format(**paths, endpoints="").rstrip(" \n") + "\n",
            *_endpoints(versions, layout),
            MONITOR_TEXT.format(**paths, records=records),
            *_models(versions.predictors, layout),
        ]
    )


def config_text(what: str, endpoints: str, layout: Layout) -> str:
    """A config with these endpoints, a mapping in YAML, whose versions compute in the gateway."""
    paths = {"registry": scalar(layout.registry), "state": scalar(layout.state)}
    control = CONTROL_TEXT.format(**paths, endpoints="").rstrip(" \n") + "\n"
    return "".join(
        [
            HEAD_TEXT.format(what=what, http_port=layout.http_port, logging=LOGGING_TEXT),
            GATEWAY_TEXT.format(**paths),
            control,
            textwrap.indent(endpoints, " " * 8),
            MONITOR_TEXT.format(**paths, records=scalar(records_beside(layout.state))),
        ]
    )


def running_text(config: Config) -> str:
    """A config that runs, as a file: its logging once, where all of it logs alike."""
    applications = [dict(one) for one in config["applications"]]
    logging = applications[0].get("logging_config")
    alike = logging is not None and all(
        one.get("logging_config") == logging for one in applications
    )
    body: dict[str, Any] = {key: value for key, value in config.items() if key != "applications"}
    if alike:
        body["logging_config"] = logging
        for one in applications:
            del one["logging_config"]
    head = "# What ran when this was written, endpoints that were added at run time included.\n"
    return head + yaml.safe_dump(
        {**body, "applications": applications}, sort_keys=False, width=100, allow_unicode=True
    )


def _number(store: Registry, name: str) -> int:
    return store.aliases(name).get(CHAMPION) or store.versions(name)[-1]


def _is_inline(manifest: Manifest, layout: Layout) -> bool:
    # Gateways load no pickles.
    return layout.inline and not manifest.needs_consent


def _endpoints(versions: Versions, layout: Layout) -> Iterable[str]:
    for index, one in enumerate(versions.predictors):
        placement = "inline" if _is_inline(one, layout) else "replicas"
        names = {"name": one.name, "reference": one.reference, "next": one.version + 1}
        yield ENDPOINT_TEXT.format(**names, placement=placement)
        if index == 0:
            yield ENDPOINT_NOTES.format(**names)
            for transformer in versions.transformers:
                yield PREPROCESS_NOTE.format(reference=transformer.reference)


def _models(predictors: Sequence[Manifest], layout: Layout) -> Iterable[str]:
    apart = [one for one in predictors if not _is_inline(one, layout)]
    if apart:
        yield "# Versions that endpoints ask in replicas of their own, each under its own name.\n"
    for one in apart:
        yield model_text(one.reference, layout.registry, allow_pickle=one.needs_consent)
