"""Whether what was handed to Serve is still what Serve was given last.

Serve keeps the last config whole, so that comparing it tells of any deploy in between, by whatever
means. Both sides are read through Serve's own schema, since it fills in and renames on its way.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from serve_app.errors import Conflict

_WHAT_TO_DO = (
    "what it declares does not stand: see serve-app status, and deploy again if yours should"
)


def require_standing(states: Mapping[str, Mapping[str, Any]], given: Mapping[str, Any]) -> None:
    """Return where the applications that Serve tells of are those of a config.

    Raises:
        Conflict: something else was deployed since; says which applications differ.
    """
    listed = differences(states, given)
    if listed:
        msg = f"another deploy came after this one ({'; '.join(listed)}), so that {_WHAT_TO_DO}"
        raise Conflict(msg)


def differences(states: Mapping[str, Mapping[str, Any]], given: Mapping[str, Any]) -> list[str]:
    """What Serve was given otherwise than a config says, in words, a line per application."""
    return list(_differing(_standing(states), as_kept(given)))


def _differing(
    standing: Mapping[str, Mapping[str, Any]], given: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    for name in sorted({*standing, *given}):
        if name not in standing:
            yield f"application {name} is gone"
        elif name not in given:
            yield f"application {name} was added"
        else:
            ours, theirs = given[name], standing[name]
            keys = [key for key in sorted({*ours, *theirs}) if ours.get(key) != theirs.get(key)]
            if keys:
                yield f"application {name} has other {', '.join(keys)}"


def as_kept(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The applications of a config as Serve keeps them, by their names.

    Raises:
        pydantic.ValidationError: Serve would refuse the config.
    """
    from ray.serve.schema import ServeDeploySchema  # noqa: PLC0415 - all of Serve

    read = ServeDeploySchema.model_validate(config)
    for application in read.applications:
        if application.logging_config is None and read.logging_config:
            # What is said for all is kept with each.
            application.logging_config = read.logging_config
    return {one.name: _kept(one.model_dump(exclude_unset=True)) for one in read.applications}


def _standing(states: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The applications that Serve was given last; those that only end are none of them."""
    configs = {name: state.get("deployed_app_config") for name, state in states.items()}
    return {name: _kept(config) for name, config in configs.items() if config}


def _kept(application: Mapping[str, Any]) -> dict[str, Any]:
    from ray.serve.schema import ServeApplicationSchema  # noqa: PLC0415 - all of Serve

    read = ServeApplicationSchema.model_validate(application)
    body: dict[str, Any] = json.loads(read.model_dump_json(exclude_unset=True))
    return body
