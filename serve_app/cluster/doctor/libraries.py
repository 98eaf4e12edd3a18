"""Libraries that are older than what this package asks for, and than published holes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from importlib import metadata

from serve_app.cluster.doctor.finding import Finding, Level

HOLES = {
    "aiohttp": ("3.14.3", "CVE-2026-69243, CVE-2026-69244"),
    "cryptography": ("50.0.0", "CVE-2024-12797, CVE-2026-39892, CVE-2026-69247"),
    "h11": ("0.16.0", "CVE-2025-43859"),
    "mako": ("1.3.12", "files outside of the folder of templates"),
    "onnx": ("1.21", "CVE-2024-27318, CVE-2025-51480, CVE-2026-27489"),
    "orjson": ("3.11.6", "CVE-2025-67221"),
    "protobuf": ("6.33.5", "CVE-2025-4565, CVE-2026-0994"),
    "pyarrow": ("23.0.1", "CVE-2023-47248, CVE-2026-25087"),
    "pyjwt": ("2.15", "CVE-2026-32597, CVE-2026-48523"),
    "ray": ("2.52", "CVE-2023-48022, CVE-2025-62593"),
    "scikit-learn": ("1.5.0", "CVE-2024-5206"),
    "skops": ("0.15", "CVE-2025-54412, CVE-2025-54413"),
    "starlette": ("1.3.0", "CVE-2026-48710"),
    "urllib3": ("2.6.3", "CVE-2026-21441"),
}
"""From which version on a published hole is closed, and its name."""
_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?(?P<bounds>[^;]*)")
_LOWER = re.compile(r">=\s*(?P<version>[0-9][0-9.]*)")
_NUMBERS = re.compile(r"\d+")


def of_libraries(
    installed: Callable[[str], str | None] | None = None, required: Iterable[str] | None = None
) -> Iterator[Finding]:
    """A finding for each library that is too old, or one that says that none is.

    `installed` gives a library's version, none where it is not there; `required` are the lines of
    this package's requirements.
    """
    version_of = installed or _installed
    lines = [*(_required() if required is None else required)]
    yield from _of_bounds(lines)
    bounds = {name: (version, "") for name, version in _lower_bounds(lines)}
    for name, (version, hole) in HOLES.items():
        wanted = bounds.get(name, ("0", ""))[0]
        bounds[name] = (max(version, wanted, key=_ordered), hole)
    wrong = 0
    for name, (version, hole) in sorted(bounds.items()):
        there = version_of(name)
        if there is None or _ordered(there) >= _ordered(version):
            continue
        wrong += 1
        closed = HOLES.get(name)
        is_hole = closed is not None and _ordered(there) < _ordered(closed[0])
        text = f"{there} is older than {version}" + (f" ({hole})" if is_hole else "")
        level: Level = "problem" if is_hole else "warning"
        yield Finding(level, "library", name, text, f"pip install '{name}>={version}'")
    if not wrong:
        yield Finding("ok", "library", "all", "none is older than a published hole that is known")


def _of_bounds(lines: Iterable[str]) -> Iterator[Finding]:
    """A finding for each bound of this package's that admits versions with published holes."""
    for name, version in sorted(set(_lower_bounds(lines))):
        closed, hole = HOLES.get(name, ("0", ""))
        if _ordered(version) < _ordered(closed):
            text = f"{name}>={version} admits versions with published holes ({hole})"
            yield Finding("warning", "bound", name, text, f"ask for {name}>={closed}")


def _ordered(version: str) -> tuple[int, ...]:
    """The numbers of a release; what follows them (rc1, .post1) does not count."""
    numbers = []
    for part in version.split("."):
        match = _NUMBERS.match(part)
        if match is None:
            break
        numbers.append(int(match[0]))
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _lower_bounds(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        match = _REQUIREMENT.match(line)
        bound = None if match is None else _LOWER.search(match["bounds"])
        if match is not None and bound is not None:
            yield match["name"].lower().replace("_", "-"), bound["version"]


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _required() -> list[str]:
    try:
        return metadata.requires("serve-app") or []
    except metadata.PackageNotFoundError:
        return []
