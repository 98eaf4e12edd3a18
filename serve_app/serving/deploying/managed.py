"""Endpoints that management calls of other systems may change, and how those are scaled."""

import copy
from collections.abc import Mapping
from typing import Any

from serve_app.core.reference import application_name
from serve_app.errors import Conflict
from serve_app.gateway.admin.actions import EndpointOrder
from serve_app.gateway.managed import declared as is_declared
from serve_app.serving.deploying import declaration
from serve_app.serving.deploying.declaration import Config


def is_managed(settings: Mapping[str, Any]) -> bool:
    """Whether management calls of other systems may change an endpoint of these settings."""
    return settings.get("managed") is True


def check_managed(order: EndpointOrder, endpoints: Mapping[str, Any]) -> None:
    """Return unless an order for managed endpoints alone is about another one of the declared.

    Raises:
        NotPermitted: it is.
    """
    there = endpoints.get(order.endpoint)
    if order.managed_alone and there is not None and not is_managed(there):
        raise is_declared(order.endpoint)


def with_replicas(config: Mapping[str, Any], name: str, least: int, most: int) -> Config:
    """The config in which each version of an endpoint has from `least` to `most` replicas.

    Raises:
        Conflict: it computes in gateways, or another endpoint asks a version of it as well.
    """
    declared = declaration.endpoints(config)
    mine = declaration.versions_of(declared[name])
    if not mine:
        msg = (
            f"{name!r} computes in gateways and has no workers of its own: let its `placement` be "
            "replicas"
        )
        raise Conflict(msg)
    for other, settings in declared.items():
        shared = mine & declaration.versions_of(settings) if other != name else frozenset()
        if shared:
            msg = f"{', '.join(sorted(shared))} answers for {other!r} too; deploy a config instead"
            raise Conflict(msg)
    made = copy.deepcopy(dict(config))
    names = {application_name(version) for version in mine}
    for application in made["applications"]:
        if application["name"] in names:
            given = application.get("deployments") or [{"name": "Model"}]
            application["deployments"] = [_scaled(one, least, most) for one in given]
    return made


def _scaled(deployment: Mapping[str, Any], least: int, most: int) -> Config:
    scaling = {
        **(deployment.get("autoscaling_config") or {}),
        "min_replicas": least,
        "max_replicas": most,
    }
    others = {key: value for key, value in deployment.items() if key != "num_replicas"}
    return {**others, "autoscaling_config": scaling}
