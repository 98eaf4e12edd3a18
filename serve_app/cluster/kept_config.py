"""The config that Serve was given last, in a file of the state folder: Serve forgets it with Ray.

The file is a config as any other, so that `serve-app deploy` takes it too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from serve_app.cluster.private_files import replace_private
from serve_app.documents.yaml_reading import read_yaml
from serve_app.errors import ConfigError

FILE = "deployed.yaml"
_HEAD = "# What was deployed last, kept by serve-app cluster start --supervise.\n"


class KeptConfig:
    """The last config of a state folder's cluster, with modes that let nobody else read it."""

    def __init__(self, state: Path) -> None:
        self.path = state / FILE
        self._kept = self.read()

    def read(self) -> dict[str, Any] | None:
        """The config; none where none was kept, or the file is damaged."""
        with contextlib.suppress(OSError, ConfigError, yaml.YAMLError):
            body = read_yaml(self.path.read_text(encoding="utf-8"))
            return body if isinstance(body, dict) and body.get("applications") else None
        return None

    def keep(self, config: Mapping[str, Any]) -> None:
        """Keep a config, unless it is the one that is kept already.

        Raises:
            OSError: it cannot be written; the one before is still there.
        """
        if config == self._kept:
            return
        text = yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True)
        replace_private(self.path, f"{_HEAD}{text}")
        self._kept = dict(config)
