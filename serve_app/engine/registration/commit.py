"""The git commit of the project that a model comes from."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from collections.abc import Iterable
from pathlib import Path

_OWN = "serve-app"
_TIMEOUT_S = 10.0


def commit_of(folders: Iterable[Path]) -> str | None:
    """The commit of the first of some folders that lies in a repository, or none.

    A checkout of serve-app itself is not where anybody's model comes from: who tries the demo in
    it, or keeps a registry there, has no project whose commit would say how a model was made.
    """
    git = shutil.which("git")
    if git is None:
        return None
    for folder in folders:
        head = _head(git, folder)
        if head is not None and not _is_own(Path(head[0])):
            return head[1]
    return None


def _head(git: str, folder: Path) -> tuple[str, str] | None:
    """The top folder of the repository that a folder lies in, and its commit."""
    # Variables such as GIT_DIR, which hooks set, name the repository of somebody else.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    command = [git, "-C", str(folder), "rev-parse", "--show-toplevel", "HEAD"]
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env=environment,
            timeout=_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    lines = done.stdout.splitlines()
    return (lines[0], lines[1]) if done.returncode == 0 and len(lines) == 2 else None


def _is_own(top: Path) -> bool:
    if not (top / "serve_app" / "__init__.py").is_file():
        return False
    try:
        project = tomllib.loads((top / "pyproject.toml").read_text("utf-8")).get("project", {})
    except (OSError, ValueError):
        return False
    return bool(project.get("name") == _OWN)
