"""Reads YAML that anybody may have written: bounded in depth and in what its aliases stand for.

PyYAML's readers recurse in native code, so that a file which is nested deeply enough ends the
process; and aliases of aliases stand for more values than any memory holds. Both are seen here in
the stream of events, before a document is made of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from serve_app.documents.yaml_lines import LOADER, Positions

MAX_DEPTH = 100
MAX_ALIASED_VALUES = 10_000
"""So many values may aliases stand for, all together."""
MAX_CHARACTERS = 64 * 2**20


class Refused(yaml.MarkedYAMLError):
    """YAML that is not read; says what is wrong and on which line."""


def read_yaml(text: str | bytes, *, allow_repeated_keys: bool = False) -> Any:
    """The one document of a text, made of plain values; None where it holds nothing.

    Raises:
        yaml.YAMLError: it is no YAML, nests more than `MAX_DEPTH` levels, repeats a key, has
            aliases that contain themselves or stand for too much, or tags other than YAML's own;
            says the line.
    """
    check_bounds(text)
    root = yaml.compose(text, Loader=LOADER)
    if not allow_repeated_keys:
        for one in Positions(root).duplicates():
            key = ".".join(map(str, one.path))
            raise _refused(one.line, f"{key} stands twice in one mapping (line {one.first_line})")
    return next(_constructed(text), None)


def read_documents(text: str | bytes) -> list[Any]:
    """All documents of a text, as `read_yaml` reads one; keys may stand twice.

    Raises:
        yaml.YAMLError: as `read_yaml` does.
    """
    check_bounds(text)
    return list(_constructed(text))


def check_bounds(text: str | bytes) -> None:
    """Let only texts pass whose documents are bounded in depth and in what aliases stand for.

    Raises:
        yaml.YAMLError: it is another, or no YAML.
    """
    if len(text) > MAX_CHARACTERS:
        raise _refused(1, f"it is larger than {MAX_CHARACTERS // 2**20} MiB")
    sizes = _Sizes()
    for event in yaml.parse(text, Loader=LOADER):
        sizes.take(event)


class _Sizes:
    """How many values stand below each anchor, as one event after the other comes."""

    def __init__(self) -> None:
        self._open: list[list[Any]] = []  # The anchor and the values so far of what is open.
        self._by_anchor: dict[str, int | None] = {}
        self._aliased = 0

    def take(self, event: Any) -> None:
        """Count one event."""
        if isinstance(event, yaml.AliasEvent):
            self._add(self._standing_for(event))
        elif isinstance(event, yaml.CollectionStartEvent):
            if len(self._open) >= MAX_DEPTH:
                raise _refused(_line(event), f"it is nested more than {MAX_DEPTH} levels deep")
            self._open.append([event.anchor, 1])
            if event.anchor is not None:
                self._by_anchor[event.anchor] = None
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, size = self._open.pop()
            if anchor is not None:
                self._by_anchor[anchor] = size
            self._add(size)
        elif isinstance(event, yaml.ScalarEvent):
            if event.anchor is not None:
                self._by_anchor[event.anchor] = 1
            self._add(1)

    def _add(self, size: int) -> None:
        if self._open:
            self._open[-1][1] += size

    def _standing_for(self, alias: Any) -> int:
        # Composing refuses what has no anchor.
        size = self._by_anchor.get(alias.anchor, 0)
        if size is None:
            raise _refused(_line(alias), f"*{alias.anchor} stands inside of itself")
        self._aliased += size
        if self._aliased > MAX_ALIASED_VALUES:
            msg = f"its aliases stand for more than {MAX_ALIASED_VALUES} values (*{alias.anchor})"
            raise _refused(_line(alias), msg)
        return size


def _constructed(text: str | bytes) -> Iterator[Any]:
    loader = LOADER(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            try:
                yield loader.construct_document(node)
            except yaml.YAMLError:
                raise
            except Exception as error:
                # A day 32, or a number of more digits than Python reads.
                line, value = _unreadable(node)
                raise _refused(line, f"{value} cannot be read: {error}") from error
    finally:
        loader.dispose()


def _unreadable(root: Any) -> tuple[int, str]:
    """The line of the first value that is not what its tag says, and the value."""
    waiting: list[Any] = [root]
    seen: set[int] = set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            waiting.extend(part for pair in reversed(node.value) for part in reversed(pair))
        elif isinstance(node, yaml.SequenceNode):
            waiting.extend(reversed(node.value))
        elif not _is_readable(node):
            return node.start_mark.line + 1, repr(node.value[:50])
    return root.start_mark.line + 1, "a value"


def _is_readable(node: yaml.Node) -> bool:
    try:
        yaml.constructor.SafeConstructor().construct_document(node)
    except Exception:  # noqa: BLE001 - whatever it is, it is no value
        return False
    return True


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _refused(line: int, problem: str) -> Refused:
    mark = yaml.Mark("the text", 0, line - 1, 0, None, None)  # type: ignore[arg-type]
    return Refused(problem=problem, problem_mark=mark)
