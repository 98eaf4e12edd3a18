"""Descriptions of clusters that Ray's own autoscaler starts nodes from.

The autoscaler is a process of the head that reads the description once it runs: of one that
it cannot use it tells its log and nobody else, and no node ever comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from serve_app.documents.yaml_reading import read_yaml
from serve_app.errors import InvalidInput

LISTED_TYPES = 8
# Of Ray's own providers it knows what these are when a description does not say so.
NEEDED_OF_EXTERNAL = (
    "max_workers",
    "cluster_synced_files",
    "setup_commands",
    "head_setup_commands",
    "worker_setup_commands",
)


def check_description(path: Path) -> None:
    """Let a description pass from which nodes can be started.

    Raises:
        InvalidInput: it is none; says what is missing, and where.
    """
    try:
        body = read_yaml(path.read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        msg = f"{path} cannot be read: {' '.join(str(error).split())}"
        raise InvalidInput(msg) from None
    if not isinstance(body, Mapping):
        msg = f"{path} describes no cluster: there must be cluster_name, provider and more in it"
        raise InvalidInput(msg)
    wrong = _wrong(body)
    if wrong:
        raise InvalidInput(f"{path}: {wrong}")


def _wrong(body: Mapping[str, Any]) -> str | None:
    """What a description lacks, in words; nothing of what providers have of their own."""
    provider, types = body.get("provider"), body.get("available_node_types")
    if not isinstance(body.get("cluster_name"), str):
        return "cluster_name is missing; give the cluster a name"
    if not isinstance(provider, Mapping) or not isinstance(provider.get("type"), str):
        return "provider.type is missing; it says who starts nodes, such as aws or gcp"
    if not isinstance(types, Mapping) or not types:
        return "available_node_types is missing; it says which nodes there may be"
    if body.get("head_node_type") not in types:
        listed = ", ".join(str(name) for name in list(types)[:LISTED_TYPES])
        return f"head_node_type must be one of available_node_types: {listed}"
    return _wrong_of_external(body) if provider["type"] == "external" else None


def _wrong_of_external(body: Mapping[str, Any]) -> str | None:
    if not isinstance(body["provider"].get("module"), str):
        return "provider.module is missing; for type external it names the class to use"
    missing = [key for key in NEEDED_OF_EXTERNAL if key not in body]
    if missing:
        return (
            f"{', '.join(missing)} missing, without which Ray's autoscaler does not start; "
            "ray up writes all of it to ~/ray_bootstrap_config.yaml on the head"
        )
    return None
