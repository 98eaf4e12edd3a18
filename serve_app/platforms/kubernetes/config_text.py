"""A config for Serve, with what differs where nodes are pods."""

from __future__ import annotations

from typing import Any

import yaml

from serve_app.config.builders import builder_of
from serve_app.documents.yaml_reading import read_yaml
from serve_app.documents.yaml_text import yaml_text
from serve_app.errors import ConfigError
from serve_app.platforms.images.places import EVERYWHERE, HTTP_PORT, KEYS_FILE
from serve_app.platforms.kubernetes.service import CONTROL

_KEEPS_STATE = frozenset({"control", "monitor"})
_SHARE = 0.5
"""Of the one piece that the head has of what only control and the monitor ask for."""


def for_pods(text: str, database: str | None) -> str:
    """The config as pods need it; everything else stays as it is, but for comments.

    Pods have addresses of their own, so that their proxies listen on all of them; unless the config
    says who may ask, that is whoever shows a key. Keys are those of the mounted secret, beside
    those that control knows. State goes to `database`; without one, what keeps state is bound to
    the head, where its volume is, and takes none of the processors that Ray counts, since the head
    has none to give. With one, records go to the volume that all pods write, since the monitor may
    run on any.

    Raises:
        ConfigError: the text is no config.
    """
    try:
        body = read_yaml(text)
    except yaml.YAMLError as error:
        msg = f"the config is no YAML: {error}"
        raise ConfigError(msg) from None
    if not isinstance(body, dict) or not isinstance(body.get("applications"), list):
        msg = "the config has no list of `applications`; serve-app validate FILE says more"
        raise ConfigError(msg)
    body["http_options"] = {**(body.get("http_options") or {}), "host": EVERYWHERE}
    body["http_options"]["port"] = HTTP_PORT
    for application in body["applications"]:
        if isinstance(application, dict):
            _adapt(application, database)
    return yaml_text(body)


def _adapt(application: dict[str, Any], database: str | None) -> None:
    arguments = application.get("args")
    if builder_of(application) == "gateway":
        application["args"] = arguments = {"access": {"mode": "keys"}, **(arguments or {})}
        access = arguments["access"]
        if isinstance(access, dict) and access.get("mode") in {"keys", "any"}:
            arguments["access"] = {"keys_file": str(KEYS_FILE), **access}
    if isinstance(arguments, dict) and database is not None:
        if "state" in arguments:
            arguments["state"] = database
        if str(arguments.get("records", "")).startswith("./state/"):
            arguments["records"] = "./records"
    if database is None and builder_of(application) in _KEEPS_STATE:
        for deployment in application.get("deployments") or ():
            options = deployment.setdefault("ray_actor_options", {})
            options |= {"num_cpus": 0, "resources": {CONTROL: _SHARE}}
