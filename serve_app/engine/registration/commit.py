"""The git commit of the project that a model comes from, and what differed from it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tomllib
from collections.abc import Iterable
from pathlib import Path

from serve_app.registry.lineage import SourceCode

_OWN = "serve-app"
_TIMEOUT_S = 10.0
_DIFF_TIMEOUT_S = 60.0
_SOURCES = ("*.py", "*.ipynb")
_NO_COMMANDS = ("core.fsmonitor=false", f"core.hooksPath={os.devnull}", "protocol.allow=never")
"""What keeps Git from running programs that a repository's own settings name."""


def source_code_of(folders: Iterable[Path]) -> SourceCode | None:
    """The commit of the first of some folders that lies in a repository, or none.

    With it, the digest of what differs from it: of tracked files, and of Python files and
    notebooks that are neither tracked nor ignored. A checkout of serve-app itself is not where
    anybody's model comes from: who tries the demo in it, or keeps a registry there, has no
    project whose commit would say how a model was made.
    """
    git = shutil.which("git")
    if git is None:
        return None
    for folder in folders:
        head = _head(git, folder)
        if head is not None and not _is_own(Path(head[0])):
            return SourceCode(commit=head[1], diff_sha256=_difference(git, Path(head[0])))
    return None


def _head(git: str, folder: Path) -> tuple[str, str] | None:
    """The top folder of the repository that a folder lies in, and its commit."""
    content = _run([git, "-C", str(folder), "rev-parse", "--show-toplevel", "HEAD"], _TIMEOUT_S)
    lines = (content or b"").decode(errors="replace").splitlines()
    return (lines[0], lines[1]) if len(lines) == 2 else None


def _difference(git: str, top: Path) -> str | None:
    """The SHA-256 of what differs from the commit; none where nothing does, or nobody can tell."""
    base = [git, "-C", str(top), "--no-pager"]
    for setting in (*_NO_COMMANDS, *_no_filters(base)):
        base += ["-c", setting]
    changed = _run(
        [
            *base, "diff", "HEAD", "--binary", "--full-index", "--no-color", "--no-renames",
            "--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty", "--unified=3",
            "--diff-algorithm=myers", "--src-prefix=a/", "--dst-prefix=b/", "--no-relative",
        ],
        _DIFF_TIMEOUT_S,
    )  # fmt: skip
    listing = [*base, "ls-files", "--others", "--exclude-standard", "-z", "--", *_SOURCES]
    added = _run(listing, _DIFF_TIMEOUT_S)
    if not changed and not added:
        return None
    digest = hashlib.sha256(changed or b"")
    for path in sorted(filter(None, (added or b"").split(b"\0"))):
        content = _content(top / os.fsdecode(path))
        digest.update(b"\0" + path + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest()


def _no_filters(base: list[str]) -> list[str]:
    """Settings that switch off every filter, which are programs that Git hands files to."""
    names = _run([*base, "config", "--name-only", "-z", "--get-regexp", r"^filter\."], _TIMEOUT_S)
    drivers = {os.fsdecode(name).rpartition(".")[0] for name in (names or b"").split(b"\0") if name}
    values = {"clean": "", "smudge": "", "process": "", "required": "false"}
    return [f"{one}.{key}={value}" for one in sorted(drivers) for key, value in values.items()]


def _content(path: Path) -> bytes:
    try:
        return os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
    except OSError:
        # Gone since it was listed, or nobody may read it.
        return b""


def _run(command: list[str], timeout_s: float) -> bytes | None:
    """What a command of Git's prints; none where it fails."""
    # Variables such as GIT_DIR, which hooks set, name the repository of somebody else.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    environment |= {"GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments
            command, capture_output=True, check=False, env=environment, timeout=timeout_s
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None


def _is_own(top: Path) -> bool:
    if not (top / "serve_app" / "__init__.py").is_file():
        return False
    try:
        project = tomllib.loads((top / "pyproject.toml").read_text("utf-8")).get("project", {})
    except (OSError, ValueError):
        return False
    return bool(project.get("name") == _OWN)
