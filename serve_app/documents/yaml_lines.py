"""Where in a YAML file each key stands, so that a complaint can name its line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

# libyaml's where it is there, which reads a config in a tenth of the time.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A key that stands twice in one mapping; YAML would silently take the last."""

    path: tuple[str | int, ...]
    line: int
    first_line: int


class Positions:
    """The nodes of one YAML document."""

    def __init__(self, root: yaml.Node | None) -> None:
        """Take a document as `yaml.compose` gives it."""
        self._root = root

    @classmethod
    def of(cls, text: str) -> Positions:
        """Those of a text that holds one document."""
        return cls(yaml.compose(text, Loader=LOADER))

    def line(self, path: Sequence[str | int]) -> int:
        """The line of the deepest key on this path that the file has, from 1.

        Parts that are not in the file (the tag of a union, say) are passed over.
        """
        node, line = self._root, 1
        for part in path:
            child = _child(node, part)
            if child is not None:
                node, line = child
        return line

    def duplicates(self) -> list[Duplicate]:
        """Every key that stands twice in one mapping."""
        duplicates: list[Duplicate] = []
        _collect(self._root, (), duplicates)
        return duplicates


def _child(node: Any, part: str | int) -> tuple[Any, int] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return value, key.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        value = node.value[part]
        return value, value.start_mark.line + 1
    return None


def _collect(node: Any, path: tuple[str | int, ...], duplicates: list[Duplicate]) -> None:
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            line = key.start_mark.line + 1
            if key.value in lines:
                duplicates.append(Duplicate((*path, key.value), line, lines[key.value]))
            lines.setdefault(key.value, line)
            _collect(value, (*path, key.value), duplicates)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _collect(value, (*path, index), duplicates)
