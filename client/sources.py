"""Which files of serve-app the client is made of, wherever it is built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = (
    "__init__.py",
    "client/__init__.py",
    "client/answers.py",
    "client/calls.py",
    "client/transports.py",
    "core/__init__.py",
    "core/hosts.py",
    "errors.py",
    "py.typed",
    "redaction.py",
)


class Sources(BuildHookInterface):  # type: ignore[type-arg]
    """Takes the files from the checkout, or from the source distribution that has them along."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Add the files to what is built."""
        along = Path(self.root) / "serve_app"
        source = along if along.is_dir() else Path(self.root).parent / "serve_app"
        build_data["force_include"] |= {str(source / name): f"serve_app/{name}" for name in SOURCES}
