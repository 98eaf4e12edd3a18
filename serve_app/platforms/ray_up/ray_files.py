"""Files of the installed Ray that say what it takes; they are read, and Ray is not imported."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from serve_app.errors import NotReady

SCHEMA = "autoscaler/ray-schema.json"
AZURE_TEMPLATE = "autoscaler/_private/_azure/azure-vm-template.json"


@lru_cache
def ray_json(name: str) -> Mapping[str, Any]:
    """A JSON file of Ray's, by its path in the package.

    Raises:
        NotReady: Ray is not installed, or has no such file.
    """
    folder = package_folder("ray")
    if folder is None:
        msg = (
            "Ray is not installed here, whose schema says what a cluster's file may hold: "
            "install the release of Ray that the cluster is to run"
        )
        raise NotReady(msg)
    try:
        body: Mapping[str, Any] = json.loads((folder / name).read_text())
    except (OSError, ValueError) as error:
        msg = f"Ray's file {name} cannot be read ({error}): is ray[serve] {ray_version()} whole?"
        raise NotReady(msg) from None
    return body


def package_folder(name: str) -> Path | None:
    """Where a package is installed; nothing where it is not."""
    package = importlib.util.find_spec(name)
    places = None if package is None else package.submodule_search_locations
    return Path(next(iter(places))) if places else None


def ray_version() -> str | None:
    """The installed release of Ray, if any."""
    try:
        return version("ray")
    except PackageNotFoundError:
        return None
