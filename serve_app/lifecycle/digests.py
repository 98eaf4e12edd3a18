"""Digests of what goes into a step and comes out of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from serve_app.core.columns import Array

LIBRARIES = (
    *("lightgbm", "catboost", "numpy", "optuna", "pandas"),
    *("scikit-learn", "scipy", "serve-app", "xgboost"),
)
"""What has a part in how a trained model comes out."""


def canonical(body: Any) -> str:
    """JSON that is the same text for equal values."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest_of(body: Any) -> str:
    """The SHA-256 of a value's canonical JSON."""
    return hashlib.sha256(canonical(body).encode()).hexdigest()


def digest_of_arrays(arrays: Iterable[Array]) -> str:
    """The SHA-256 of arrays: of their types, shapes and bytes, in order."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def digest_of_file(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def libraries() -> dict[str, str]:
    """The installed versions of `LIBRARIES`."""
    versions: dict[str, str] = {}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def differences(before: Any, after: Any, at: str = "") -> list[str]:
    """Where two values of JSON differ, each place with what stands there: `a.b: 1, now 2`."""
    if isinstance(before, dict) and isinstance(after, dict):
        lines: list[str] = []
        for name in sorted(before.keys() | after.keys()):
            path = f"{at}.{name}" if at else str(name)
            lines += differences(before.get(name), after.get(name), path)
        return lines
    return [] if before == after else [f"{at}: {_short(before)}, now {_short(after)}"]


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:37]}…"
