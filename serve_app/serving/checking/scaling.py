"""Checks what one deployment of a config says of its number of replicas."""

import warnings
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import pydantic
from ray.serve.config import AutoscalingConfig

from serve_app.config import ScalingSettings
from serve_app.documents.refused_values import refusals, words_of
from serve_app.serving.autoscaling import ByLoad

Path_ = tuple[str | int, ...]
POLICY = f"{ByLoad.__module__}:{ByLoad.__name__}"
_USUAL_MAX_ONGOING, _USUAL_LOOK_BACK_S, _USUAL_INTERVAL_S = 5, 30.0, 10.0
"""Ray's, where a config says nothing."""
_INTERVAL = "metrics_interval_s"


def without_scaling(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config without what it says of autoscaling, which is looked at here.

    Ray's schema would import the policies, and warn of keys as if somebody wrote Python.
    """
    return {
        **config,
        "applications": [
            {**application, "deployments": [_without(one) for one in listed]}
            if isinstance(application, Mapping)
            and isinstance(listed := application.get("deployments"), list)
            else application
            for application in config["applications"]
        ],
    }


def problems(deployment: Mapping[str, Any]) -> Iterator[tuple[Path_, str]]:
    """What is wrong, each with the path of the key in the deployment."""
    scaling = deployment.get("autoscaling_config")
    fixed = deployment.get("num_replicas")
    if scaling is not None and fixed not in {None, "auto"}:
        yield (
            ("num_replicas",),
            (
                f"{fixed} replicas are set here and `autoscaling_config` would change them; "
                "write one of the two"
            ),
        )
    if not isinstance(scaling, Mapping):
        if scaling is not None:
            yield ("autoscaling_config",), "write `autoscaling_config: {max_replicas: 4}`"
        scaling = {}
    yield from _bounds(scaling)
    yield from _policy(scaling)
    yield from _reachable(deployment, scaling)


def problems_of_targets(
    deployment: Mapping[str, Any], settings: ScalingSettings
) -> Iterator[tuple[Path_, str]]:
    """What of the targets in `user_config` can have no effect."""
    scaling = deployment.get("autoscaling_config")
    policy = scaling.get("policy") if isinstance(scaling, Mapping) else None
    if not isinstance(policy, Mapping) or not is_by_load(policy.get("policy_function")):
        yield (
            ("user_config",),
            (
                "targets have no effect here; give the deployment an `autoscaling_config` with "
                f"`policy: {{policy_function: {POLICY}}}`"
            ),
        )
        return
    most = scaling.get("max_replicas", 1) if isinstance(scaling, Mapping) else 1
    for position, entry in enumerate(settings.schedule):
        if isinstance(most, int) and entry.min_replicas > most:
            yield (
                ("user_config", "schedule", position, "min_replicas"),
                f"{entry.min_replicas} replicas are more than `max_replicas` {most} allows",
            )


def is_by_load(function: Any) -> bool:
    """Whether an import path is that of our policy."""
    return str(function or "").replace(":", ".") == POLICY.replace(":", ".")


def _without(deployment: Any) -> Any:
    if not isinstance(deployment, Mapping):
        return deployment
    return {key: value for key, value in deployment.items() if key != "autoscaling_config"}


def _bounds(scaling: Mapping[str, Any]) -> Iterator[tuple[Path_, str]]:
    at: Path_ = ("autoscaling_config",)
    least, most = scaling.get("min_replicas", 1), scaling.get("max_replicas", 1)
    crossed = isinstance(least, int) and isinstance(most, int) and least > most >= 1
    if crossed:
        key = "min_replicas" if "min_replicas" in scaling else "max_replicas"
        default = "" if "max_replicas" in scaling else ", which is 1 where nothing is said"
        yield (*at, key), f"min_replicas {least} is above max_replicas {most}{default}"
    period = scaling.get("look_back_period_s", _USUAL_LOOK_BACK_S)
    interval = scaling.get("metrics_interval_s", _USUAL_INTERVAL_S)
    numbers = isinstance(period, int | float) and isinstance(interval, int | float)
    if numbers and 0 < period <= interval:
        words = (
            f"{period:g} s are looked at and replicas tell their numbers every {interval:g} s "
            f"(`{_INTERVAL}`), less often than they are looked at; write a smaller interval"
        )
        yield (*at, "look_back_period_s" if "look_back_period_s" in scaling else _INTERVAL), words
        return
    kept = {key: value for key, value in scaling.items() if key != "policy"}
    try:
        with warnings.catch_warnings():
            # Ray 2.60 warns of this key, and what it names instead is read nowhere.
            warnings.filterwarnings("ignore", f".*{_INTERVAL}", DeprecationWarning)
            AutoscalingConfig.model_validate(kept)
    except pydantic.ValidationError as error:
        for item in refusals(error):
            if item["loc"] or not crossed:
                yield (*at, *item["loc"]), words_of(item)


def _policy(scaling: Mapping[str, Any]) -> Iterator[tuple[Path_, str]]:
    policy = scaling.get("policy")
    if policy is None:
        return
    at: Path_ = ("autoscaling_config", "policy")
    if not isinstance(policy, Mapping):
        yield at, f"write `policy: {{policy_function: {POLICY}}}`"
        return
    function = policy.get("policy_function")
    if is_by_load(function) and policy.get("policy_kwargs"):
        yield (
            (*at, "policy_kwargs"),
            (
                "ByLoad takes none, since a change of them would start all replicas anew; its "
                "targets stand in the deployment's `user_config`"
            ),
        )
    problem = _not_importable(function)
    if function is not None and problem:
        yield (*at, "policy_function"), problem


def _not_importable(function: Any) -> str:
    module, separator, name = str(function).replace(":", ".").rpartition(".")
    if not separator:
        return f"{function!r} is no import path; write package.module:name, such as {POLICY}"
    try:
        getattr(import_module(module), name)
    except AttributeError:
        return f"module {module!r} has no {name!r}; that of serve-app is {POLICY}"
    except Exception as error:  # noqa: BLE001 - somebody's module; whatever it raises counts
        return f"{function!r} cannot be imported: {type(error).__name__}: {error}"
    return ""


def _reachable(
    deployment: Mapping[str, Any], scaling: Mapping[str, Any]
) -> Iterator[tuple[Path_, str]]:
    target = scaling.get("target_ongoing_requests")
    most = deployment.get("max_ongoing_requests", _USUAL_MAX_ONGOING)
    if isinstance(target, int | float) and isinstance(most, int) and target > most > 0:
        yield (
            ("autoscaling_config", "target_ongoing_requests"),
            (
                f"a replica takes {most} requests at once (`max_ongoing_requests`), so it never "
                f"has {target:g} and this asks for no replica; let it take twice the target"
            ),
        )
