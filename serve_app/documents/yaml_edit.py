"""Single values of a YAML text are changed, and nothing else: comments and layout stay."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from serve_app.errors import ConfigError

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """The value that a key gets; where its mapping lacks the key, it comes `after` another one."""

    path: Path
    value: str | int | float | bool
    after: str


def edited(text: str, changes: Sequence[Change]) -> str:
    """A YAML text of one document with other values at some paths.

    Raises:
        ConfigError: a path leads nowhere, or to what an anchor repeats, so that more would change.
    """
    before = yaml.safe_load(text)
    # libyaml counts otherwise where a text holds more than ASCII.
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    repeated = _repeated(root)
    spans = sorted(_span(text, root, change, repeated) for change in changes)
    for start, end, written in reversed(spans):
        text = text[:start] + written + text[end:]
    if not _is(yaml.safe_load(text), before, changes):
        raise ConfigError("the file cannot be changed without changing more of it")
    return text


def _span(text: str, root: Any, change: Change, repeated: frozenset[int]) -> tuple[int, int, str]:
    """From where to where the text is replaced, and by what."""
    *path, name = change.path
    mapping = root
    for place, part in enumerate(path):
        if id(mapping) in repeated:
            break
        mapping = _child(mapping, part)
        if mapping is None:
            raise ConfigError(f"there is no {_dotted(path[: place + 1])} in the file")
    if id(mapping) in repeated:
        raise ConfigError(
            f"{_dotted(change.path)} is repeated by an anchor (&), so that more than it would "
            "change; write it out, or change it by hand"
        )
    written = _scalar(change.value)
    value = _child(mapping, name)
    if isinstance(value, yaml.ScalarNode) and value.style not in {"|", ">"}:
        return value.start_mark.index, value.end_mark.index, written
    neighbour = _child(mapping, change.after)
    if value is not None or not isinstance(neighbour, yaml.ScalarNode):
        raise ConfigError(f"{_dotted(change.path)} is no plain value in the file")
    end = neighbour.end_mark.index
    if mapping.flow_style:
        return end, end, f", {name}: {written}"
    line_end = text.find("\n", end)
    newline = "\r\n" if "\r\n" in text else "\n"
    start = next(key.start_mark.column for key, _ in mapping.value)
    inserted = f"{' ' * start}{name}: {written}"
    if line_end < 0:
        return len(text), len(text), f"{newline}{inserted}"
    return line_end + 1, line_end + 1, f"{inserted}{newline}"


def _child(node: Any, part: str | int) -> Any:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part]
    return None


def _repeated(root: Any) -> frozenset[int]:
    """The nodes, by identity, that stand at several places, with all that is below them."""
    counts = Counter(id(node) for node in _walk(root))
    return frozenset(one for one, count in counts.items() if count > 1)


def _walk(node: Any) -> Iterator[Any]:
    yield node
    if isinstance(node, yaml.MappingNode):
        for _, value in node.value:
            yield from _walk(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _walk(item)


def _scalar(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True)
    return text.partition("\n")[0]


def _is(after: Any, before: Any, changes: Sequence[Change]) -> bool:
    """Whether a document is another one with the changed values, and nothing else."""
    expected = copy.deepcopy(before)
    for change in changes:
        *path, name = change.path
        inner = expected
        for part in path:
            inner = inner[part]
        inner[name] = change.value
    return bool(after == expected)


def _dotted(path: Sequence[str | int]) -> str:
    return ".".join(map(str, path))
