"""Documents with gaps, written once: as a template of Helm, and as what it would make of values.

A document is a tree of mappings, lists and scalars. Gaps are nodes of this module: they know how
Helm writes them and what they are for given values, so that plain files and the chart say the same
and nothing of the project needs Helm.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

NAME_HELPER = "serve-app.fullname"
Tree = dict[Any, Any]
"""A mapping whose keys are text or `Given`."""


@dataclass(frozen=True, slots=True)
class Release:
    """What Helm knows when it fills a template in: who it is for, who does it, the values."""

    name: str
    service: str
    values: Mapping[str, Any]

    def value(self, path: str) -> Any:
        """The value of a dotted path.

        Raises:
            KeyError: there is none.
        """
        inner: Any = self.values
        for part in path.split("."):
            inner = inner[part]
        return inner


@dataclass(frozen=True, slots=True)
class Value:
    """A value of any kind, as it is."""

    path: str

    def template(self) -> str:
        """In one line, so that mappings and lists fit anywhere."""
        return f"{{{{ .Values.{self.path} | toJson }}}}"

    def resolved(self, release: Release) -> Any:
        """The value."""
        return release.value(self.path)


@dataclass(frozen=True, slots=True)
class Text:
    """A number or text, as text: environments hold nothing else."""

    path: str

    def template(self) -> str:
        """Quoted."""
        return f"{{{{ .Values.{self.path} | toString | toJson }}}}"

    def resolved(self, release: Release) -> str:
        """The value as text."""
        return str(release.value(self.path))


@dataclass(frozen=True, slots=True)
class Sum:
    """A number that is so much more than a value."""

    path: str
    more: int

    def template(self) -> str:
        """Helm's numbers are floating until they are asked not to be."""
        return f"{{{{ add {self.more} (int .Values.{self.path}) }}}}"

    def resolved(self, release: Release) -> int:
        """The sum."""
        return int(release.value(self.path)) + self.more


@dataclass(frozen=True, slots=True)
class Named:
    """The name of the release, and what a part of it is called."""

    suffix: str = ""

    def template(self) -> str:
        """The helper keeps it short enough for what is put behind it."""
        return f'{{{{ include "{NAME_HELPER}" . }}}}{self.suffix}'

    def resolved(self, release: Release) -> str:
        """The name."""
        return str(release.values.get("nameOverride") or release.name) + self.suffix


@dataclass(frozen=True, slots=True)
class Words:
    """Text around one value."""

    before: str
    inner: Text | Sum | Named
    after: str = ""

    def template(self) -> str:
        """Numbers and names need no quotes of their own inside."""
        inner = self.inner.template().replace(" | toJson", "")
        return f'"{self.before}{inner}{self.after}"'

    def resolved(self, release: Release) -> str:
        """The whole text."""
        return f"{self.before}{self.inner.resolved(release)}{self.after}"


@dataclass(frozen=True, slots=True)
class OfRelease:
    """What Helm itself knows: `Name` or `Service`."""

    field: str

    def template(self) -> str:
        """Quoted."""
        return f"{{{{ .Release.{self.field} | toJson }}}}"

    def resolved(self, release: Release) -> str:
        """The name of the release, or of what released it."""
        return release.name if self.field == "Name" else release.service


@dataclass(frozen=True, slots=True)
class Block:
    """A text of several lines, as it stands."""

    path: str

    def resolved(self, release: Release) -> str:
        """With one line break at its end."""
        return str(release.value(self.path)).strip("\n") + "\n"


@dataclass(frozen=True, slots=True)
class Shared:
    """A part that several documents have: a helper of the chart.

    As an item of a list, its own items stand in that list.
    """

    helper: str
    content: Any


@dataclass(frozen=True, slots=True)
class Given:
    """As a key: what is below belongs to the mapping where a value is there, and not false.

    In a list: its `items` belong to the list then.
    """

    path: str
    items: tuple[Any, ...] = ()


Inline = Value | Text | Sum | Words | Named | OfRelease
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*")
_WORDS_OF_YAML = frozenset(("true", "false", "yes", "no", "on", "off", "null", "y", "n"))


def resolved(node: Any, release: Release) -> Any:
    """What a tree is for one release."""
    if isinstance(node, Mapping):
        made: dict[str, Any] = {}
        for key, below in node.items():
            if not isinstance(key, Given):
                made[key] = resolved(below, release)
            elif release.value(key.path):
                made.update(resolved(below, release))
        return made
    if isinstance(node, list | tuple):
        return [one for item in node for one in _items(item, release)]
    if isinstance(node, Shared):
        return resolved(node.content, release)
    if isinstance(node, Inline | Block):
        return node.resolved(release)
    return node


def _items(item: Any, release: Release) -> list[Any]:
    if isinstance(item, Given):
        return resolved(item.items, release) if release.value(item.path) else []
    if isinstance(item, Shared):
        return list(resolved(item.content, release))
    return [resolved(item, release)]


def template(node: Any) -> str:
    """A tree as a template of Helm."""
    return "\n".join(_lines(node, 0)) + "\n"


def helper(shared: Shared) -> str:
    """The definition of a part that several documents have."""
    return f'{{{{- define "{shared.helper}" }}}}\n{template(shared.content)}{{{{- end }}}}\n'


def _lines(node: Any, indent: int) -> Iterator[str]:
    if isinstance(node, Mapping):
        for key, below in node.items():
            yield from _entry(key, below, indent)
        return
    for item in node:
        if isinstance(item, Given):
            yield f"{{{{- if .Values.{item.path} }}}}"
            yield from _lines(item.items, indent)
            yield "{{- end }}"
        elif isinstance(item, Shared):
            yield _include(item, indent)
        else:
            yield from _item(item, indent)


def _item(item: Any, indent: int) -> Iterator[str]:
    space = " " * indent
    if isinstance(item, Mapping) and item:
        first, *rest = _lines(item, indent + 2)
        yield f"{space}- {first[indent + 2 :]}"
        yield from rest
    else:
        yield f"{space}- {_scalar(item)}"


def _entry(key: Any, below: Any, indent: int) -> Iterator[str]:
    space = " " * indent
    if isinstance(key, Given):
        yield f"{{{{- if .Values.{key.path} }}}}"
        yield from _lines(below, indent)
        yield "{{- end }}"
    elif isinstance(below, Block):
        yield f"{space}{_scalar(key)}: |"
        yield f'{{{{ .Values.{below.path} | trimAll "\\n" | indent {indent + 2} }}}}'
    elif isinstance(below, Shared):
        yield f"{space}{_scalar(key)}:"
        yield _include(below, indent + 2)
    elif isinstance(below, Mapping | list | tuple) and below:
        yield f"{space}{_scalar(key)}:"
        yield from _lines(below, indent + 2)
    else:
        yield f"{space}{_scalar(key)}: {_scalar(below)}"


def _include(shared: Shared, indent: int) -> str:
    return f'{{{{- include "{shared.helper}" . | nindent {indent} }}}}'


def _scalar(value: Any) -> str:
    if isinstance(value, Inline):
        return value.template()
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS_OF_YAML:
        return value
    return json.dumps(value, ensure_ascii=False)
