"""YAML as people like to read it: blocks, no anchors, texts of several lines as they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

# Values stay in one line.
_WIDTH = 1000


class _Blocks(yaml.SafeDumper):
    """Lists are indented below their keys; a part that stands twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        """Write everything out."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        """Indent lists, too."""
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Blocks.add_representer(str, _text)


def yaml_text(body: Any) -> str:
    """One document; equal bodies give equal texts, keys in their own order."""
    text: str = yaml.dump(body, Dumper=_Blocks, sort_keys=False, width=_WIDTH, allow_unicode=True)
    return text


def yaml_documents(bodies: Iterable[Any]) -> str:
    """Several documents in one text."""
    return "---\n".join(yaml_text(body) for body in bodies)
