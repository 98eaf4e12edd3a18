"""Ways through a document of unknown shape."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Path = tuple[str | int, ...]
LINE_BREAK = re.compile("[\\n\\r\\x85\\u2028\\u2029]")
"""Where YAML, or who reads a value later, may begin another line."""


def mapping(value: Any) -> Mapping[Any, Any]:
    """The value where it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> list[Any]:
    """The value where it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def at(body: Any, path: Path) -> Any:
    """What stands at a path; nothing where the document has no such place."""
    for part in path:
        if isinstance(part, int):
            listed = items(body)
            body = listed[part] if part < len(listed) else None
        else:
            body = mapping(body).get(part)
    return body


def texts(body: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Each text below, by where it stands."""
    if isinstance(body, Mapping):
        for key, value in body.items():
            yield from texts(value, (*path, key))
    elif isinstance(body, list):
        for index, value in enumerate(body):
            yield from texts(value, (*path, index))
    elif isinstance(body, str):
        yield path, body


def keys(body: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Each key below, by where it stands."""
    if isinstance(body, Mapping):
        for key, value in body.items():
            yield (*path, key), str(key)
            yield from keys(value, (*path, key))
    elif isinstance(body, list):
        for index, value in enumerate(body):
            yield from keys(value, (*path, index))
