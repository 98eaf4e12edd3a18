"""One installation as somebody wants it, and the files that it is made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from serve_app.documents.json_schema import refused
from serve_app.documents.near_names import nearest_names
from serve_app.documents.yaml_lines import Positions
from serve_app.documents.yaml_reading import read_yaml
from serve_app.documents.yaml_text import yaml_documents
from serve_app.errors import InvalidInput
from serve_app.platforms.kubernetes.config_text import for_pods
from serve_app.platforms.kubernetes.parts import documents
from serve_app.platforms.kubernetes.sizes import SIZES
from serve_app.platforms.kubernetes.tree import Release
from serve_app.platforms.kubernetes.values import defaults, nested, values_schema

DATABASE = "postgresql+psycopg://serve@postgres:5432/serve"
NAME = re.compile(r"[a-z]([a-z0-9-]{0,45}[a-z0-9])?")
"""Services get their names from it, with up to sixteen characters behind."""
_HEADER = """\
# serve-app on Kubernetes ({size}), written by: serve-app export kuberay
#   serve-app validate --production FILE
#   kubectl create secret generic {secret} --from-literal=auth_token="$(openssl rand -hex 32)"
{keys}#   kubectl apply --server-side -f FILE
# It needs KubeRay's operator, 1.7 or later; docs/kubernetes.md explains the rest.
"""
_KEYS = """\
#   serve-app keys create ops --scope '*' --file keys.json --output-file ops.key
#   kubectl create secret generic {secret} --from-file=keys.json
"""


@dataclass(frozen=True, slots=True)
class Installation:
    """What is installed: its name, size and image, the text of what is served.

    `chosen` replaces values of the size, by their dotted paths. Where a size keeps its state
    outside, `database` is where, without its password.
    """

    image: str
    config: str
    ray_version: str
    name: str = "serve-app"
    size: str = "small"
    database: str = DATABASE
    chosen: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse names that Kubernetes refuses.

        Raises:
            InvalidInput: the name is none, or the database's address holds a password.
        """
        if not NAME.fullmatch(self.name):
            msg = (
                f"{self.name!r} cannot name a RayService: write up to 47 small letters, digits and "
                "hyphens, a letter first"
            )
            raise InvalidInput(msg)
        if re.search(r"://[^/@:]*:[^/@]*@", self.database):
            msg = "the database's address holds a password; it comes from database.existingSecret"
            raise InvalidInput(msg)


def values(installation: Installation) -> dict[str, Any]:
    """All values of an installation, by their dotted paths.

    Raises:
        ConfigError: the config is none.
        InvalidInput: a value is not known, or is not what it may be; names all of them.
    """
    size = SIZES[installation.size]
    known = defaults()
    for path in installation.chosen:
        if path not in known:
            near = nearest_names(path, known)
            meant = f"; did you mean {' or '.join(near)}?" if near else ""
            msg = f"there is no value {path!r}{meant}"
            raise InvalidInput(msg)
    database = None if size.state_on_head else installation.database
    made = {
        **known,
        "image": installation.image,
        "rayVersion": installation.ray_version,
        "serveConfigV2": for_pods(installation.config, database),
        **size.values,
        **installation.chosen,
    }
    wrong = refused(nested(made), Positions(None), values_schema())
    if wrong:
        msg = "\n".join(f"{one.key}: {one.message}" for one in wrong)
        raise InvalidInput(msg)
    return made


def differing(installation: Installation) -> dict[str, Any]:
    """The values of an installation that are not the chart's own.

    Raises:
        ConfigError: the config is none.
        InvalidInput: a value is not known, or is not what it may be.
    """
    known = defaults()
    return {path: one for path, one in values(installation).items() if one != known[path]}


def manifest(installation: Installation) -> str:
    """One plain file with everything; equal installations give equal files.

    Raises:
        ConfigError: the config is none.
        InvalidInput: a value is not known, or is not what it may be.
    """
    made = values(installation)
    release = Release(installation.name, "serve-app", nested(made))
    access = made["access.existingSecret"]
    keys = _KEYS.format(secret=access) if access else ""
    token = made["auth.existingSecret"]
    header = _HEADER.format(size=installation.size, secret=token, keys=keys)
    return header + yaml_documents(documents(release))


def setting(text: str) -> tuple[str, Any]:
    """A value as `--set` takes it: PATH=VALUE, the value in YAML.

    Raises:
        InvalidInput: the text has no `=`, or what is behind it is no YAML.
    """
    path, equals, value = text.partition("=")
    if not equals:
        msg = f"{text!r} is no value: write PATH=VALUE, such as workers.maxReplicas=12"
        raise InvalidInput(msg)
    try:
        return path, read_yaml(value)
    except yaml.YAMLError:
        msg = f"what is behind {path}= is no YAML; put text in quotes"
        raise InvalidInput(msg) from None
