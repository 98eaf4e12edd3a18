"""Configs of Serve's as values: what they declare, and how an endpoint gets in and out.

A config is a mapping as YAML gives it; each function gives a new one and changes nothing. The
applications that are written for people (`serve-app init`) and those that are deployed without
a file (`serve-app serve`) come from the same texts.
"""

import copy
import json
from collections.abc import Iterable, Mapping
from typing import Any

import pydantic
import yaml

from serve_app.config import EndpointSettings
from serve_app.config.builders import builder_of
from serve_app.core.reference import application_name, parse
from serve_app.documents.refused_values import refusals, words_of
from serve_app.errors import ConfigError, NotFound

Config = dict[str, Any]
CONTROL = "Control"
HTTP_OPTIONS = (
    "host", "port", "root_path", "request_timeout_s", "keep_alive_timeout_s",
    "ssl_keyfile", "ssl_certfile", "ssl_ca_certs",
)  # fmt: skip

GATEWAY_TEXT = """\
# Answers clients. Its args stay as they are when models change.
- name: gateway
  route_prefix: /
  import_path: serve_app.app:gateway
  args:
    registry: {registry}
    state: {state}
  deployments:
  - name: Gateway
    max_ongoing_requests: 512
    max_queued_requests: 1024
    backpressure_config: {{status_code: 429, retry_after_s: 1}}
    max_surge_percent: 100
    ray_actor_options: {{num_cpus: 0.3}}      # what Ray reserves for each replica
    autoscaling_config:
      policy: {{policy_function: serve_app.serving.autoscaling:ByLoad}}
      min_replicas: 1
      max_replicas: 2
      target_ongoing_requests: 64
      upscale_delay_s: 3
      downscale_delay_s: 60
      look_back_period_s: 5
      metrics_interval_s: 1
"""
CONTROL_TEXT = """\
# Says who answers: changing its endpoints is in effect within seconds and restarts nothing.
- name: control
  route_prefix: null
  import_path: serve_app.app:control
  args:
    registry: {registry}
    state: {state}
  deployments:
  - name: Control
    num_replicas: 1
    max_ongoing_requests: 1000
    ray_actor_options: {{num_cpus: 0.1}}
    user_config:
      endpoints: {endpoints}
"""
MONITOR_TEXT = """\
# Keeps what became of requests, and the feedback to them.
- name: monitor
  route_prefix: null
  import_path: serve_app.app:monitor
  args:
    registry: {registry}
    state: {state}
    records: {records}
  deployments:
  - name: Monitor
    num_replicas: 1
    max_ongoing_requests: 1000
    ray_actor_options: {{num_cpus: 0.1}}
"""
MODEL_TEXT = """\
- name: {name}
  route_prefix: null
  import_path: serve_app.app:model
  args: {{model: {model}, version: {version}, registry: {registry}{consent}}}
  deployments:
  - name: Model
    max_ongoing_requests: 16
    max_queued_requests: 256
    max_surge_percent: 100
    ray_actor_options: {{num_cpus: 0.1}}
    autoscaling_config:
      policy: {{policy_function: serve_app.serving.autoscaling:ByLoad}}
      min_replicas: 1
      max_replicas: 2
      target_ongoing_requests: 2
      upscale_delay_s: 3
      downscale_delay_s: 60
      look_back_period_s: 5
      metrics_interval_s: 1
"""
BASE_TEXTS = {"gateway": GATEWAY_TEXT, "control": CONTROL_TEXT, "monitor": MONITOR_TEXT}
LOGGING_TEXT = "{log_level: WARNING, enable_access_log: false, encoding: JSON}"


def scalar(value: str) -> str:
    """A text as YAML writes it, with quotes where it needs them."""
    return yaml.safe_dump([value], default_flow_style=True, width=2**20).strip()[1:-1]


def records_beside(state: str) -> str:
    """Where the records of requests are kept, unless somebody says otherwise."""
    return f"{state.rstrip('/')}/records" if "://" not in state else "./state/records"


def model_text(reference: str, registry: str | Mapping[str, Any], *, allow_pickle: bool) -> str:
    """The application of one version, or of whatever an alias names.

    `registry` is a place, or a mapping of the settings of one.
    """
    model, version = parse(reference)
    return MODEL_TEXT.format(
        name=application_name(reference),
        model=model,
        version=version,
        registry=scalar(registry) if isinstance(registry, str) else json.dumps(registry),
        consent=", allow_pickle: true" if allow_pickle else "",
    )


def from_serve(details: Mapping[str, Any]) -> Config:
    """The config that Serve was given last, from what its REST API tells of itself."""
    applications = details.get("applications") or {}
    given = [one["deployed_app_config"] for one in applications.values()
             if one.get("deployed_app_config")]  # fmt: skip
    config: Config = {"applications": copy.deepcopy(given)}
    http = details.get("http_options") or {}
    options = {key: http[key] for key in HTTP_OPTIONS if http.get(key) not in {None, ""}}
    if options:
        config["http_options"] = options
    grpc = details.get("grpc_options") or {}
    if grpc.get("grpc_servicer_functions"):
        config["grpc_options"] = {key: value for key, value in grpc.items() if value is not None}
    if details.get("proxy_location") not in {None, "EveryNode"}:
        config["proxy_location"] = details["proxy_location"]
    if details.get("target_capacity") is not None:
        config["target_capacity"] = details["target_capacity"]
    return config


def with_base(config: Mapping[str, Any], registry: str, state: str, http_port: int) -> Config:
    """The config with a gateway, control and a monitor, where it has none yet."""
    made = _copied(config)
    made.setdefault("http_options", {"host": "127.0.0.1", "port": http_port})
    places = {"registry": registry, "state": state, "records": records_beside(state)}
    written_places = {name: scalar(place) for name, place in places.items()}
    for builder, text in BASE_TEXTS.items():
        if not any(_is_made_by(one, builder) for one in made["applications"]):
            written = text.format(**written_places, endpoints="{}")
            made["applications"] += _applications(made, written)
    return made


def control_of(config: Mapping[str, Any]) -> dict[str, Any] | None:
    """The application that declares the endpoints; none where there is none."""
    return next((one for one in config["applications"] if _is_made_by(one, "control")), None)


def endpoints(config: Mapping[str, Any]) -> dict[str, Any]:
    """The declared endpoints, as they were written; empty where nothing declares any."""
    deployment = _control_deployment(control_of(config) or {})
    return dict((deployment.get("user_config") or {}).get("endpoints") or {})


def with_endpoint(
    config: Mapping[str, Any],
    name: str,
    settings: Mapping[str, Any],
    registry: str | Mapping[str, Any],
    consented: Iterable[str] = (),
) -> Config:
    """The config with an endpoint of these settings, and an application for each version it asks.

    `consented` are the versions whose pickles may be loaded.
    """
    made = _with_endpoints(config, {**endpoints(config), name: copy.deepcopy(dict(settings))})
    there = {one["name"] for one in made["applications"]}
    trusted = set(consented)
    for reference in sorted(versions_of(settings)):
        if application_name(reference) not in there:
            text = model_text(reference, registry, allow_pickle=reference in trusted)
            made["applications"] += _applications(made, text)
    return made


def without_endpoint(config: Mapping[str, Any], name: str) -> Config:
    """The config without an endpoint; the applications of its versions stay."""
    left = {other: body for other, body in endpoints(config).items() if other != name}
    return _with_endpoints(config, left)


def without_idle(config: Mapping[str, Any], versions: Iterable[str]) -> Config:
    """The config without the applications of those of the versions that no endpoint asks."""
    needed = {version for body in endpoints(config).values() for version in versions_of(body)}
    idle = {application_name(version) for version in set(versions) - needed}
    made = _copied(config)
    made["applications"] = [one for one in made["applications"] if one["name"] not in idle]
    return made


def concerning(config: Mapping[str, Any], name: str) -> Config:
    """The config without the versions that other endpoints ask and this one does not."""
    mine = versions_of(endpoints(config)[name]) if name in endpoints(config) else frozenset()
    needed = {application_name(version) for version in mine}
    made = _copied(config)
    made["applications"] = [
        one for one in made["applications"] if one["name"] in needed or builder_of(one) != "model"
    ]
    return made


def with_weights(config: Mapping[str, Any], weights: Mapping[str, Mapping[str, float]]) -> Config:
    """The config with the weights that were set at run time, by endpoint and version.

    Such weights belong to the declaration that they changed and would end with it.
    """
    changed = copy.deepcopy(endpoints(config))
    for name, by_version in weights.items():
        for variant in changed.get(name, {}).get("route", {}).get("variants", []):
            variant["weight"] = by_version.get(variant["model"], variant.get("weight", 1.0))
    return _with_endpoints(config, changed) if weights else _copied(config)


def versions_of(settings: Mapping[str, Any]) -> frozenset[str]:
    """The versions that an endpoint asks by handle, each of which needs an application.

    Raises:
        ConfigError: these are no settings of an endpoint.
    """
    declared = settings_of(settings)
    versions: set[str] = set()
    if declared.placement == "replicas":
        versions.update(variant.model for variant in declared.variants)
        versions.update(shadow.model for shadow in declared.shadows)
        if declared.fallback is not None:
            versions.add(declared.fallback)
    if declared.preprocess is not None and declared.preprocess.placement == "replicas":
        versions.add(declared.preprocess.model)
    meta = declared.route.meta_model()
    if meta is not None and not meta.is_inline(declared.placement):
        versions.add(meta.model)
    return frozenset(versions)


def settings_of(settings: Mapping[str, Any]) -> EndpointSettings:
    """The settings of an endpoint as they are read; raises as `versions_of` does."""
    try:
        return EndpointSettings.model_validate(settings)
    except pydantic.ValidationError as error:
        listed = "; ".join(
            f"{'.'.join(map(str, item['loc']))}: {words_of(item)}" for item in refusals(error)
        )
        msg = f"an endpoint cannot have these settings ({listed}); serve-app validate says more"
        raise ConfigError(msg) from None


def _with_endpoints(config: Mapping[str, Any], declared: Mapping[str, Any]) -> Config:
    made = _copied(config)
    control = control_of(made)
    if control is None:
        raise NotFound("nothing declares endpoints here; deploy a config first")
    deployment = _control_deployment(control)
    others = [one for one in control.get("deployments") or [] if one is not deployment]
    user_config = {**(deployment.get("user_config") or {}), "endpoints": dict(declared)}
    control["deployments"] = [*others, {**deployment, "user_config": user_config}]
    return made


def _applications(config: Mapping[str, Any], text: str) -> list[Config]:
    """Applications of a text, which log as those that are there already do."""
    there = config["applications"]
    logging = there[0].get("logging_config") if there else yaml.safe_load(LOGGING_TEXT)
    made: list[Config] = yaml.safe_load(text)
    return [{**one, "logging_config": logging} if logging else one for one in made]


def _is_made_by(application: Mapping[str, Any], builder: str) -> bool:
    return builder in {application.get("name"), builder_of(application)}


def _control_deployment(control: Mapping[str, Any]) -> dict[str, Any]:
    controls = (one for one in control.get("deployments") or [] if one.get("name") == CONTROL)
    return next(controls, {"name": CONTROL})


def _copied(config: Mapping[str, Any]) -> Config:
    return copy.deepcopy(dict(config))
