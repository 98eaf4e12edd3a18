"""SciPy's distributions, as search objects hold them: `loguniform(0.01, 1)`.

A distribution carries a text from which SciPy makes functions when it is loaded, so that a
file could have any text run. It is let pass where the text is the library's own.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import scipy.stats
from skops.io import _audit, _general
from skops.io._utils import read_schema

_TEXT = "_parse_arg_template"
_OWN = ("scipy.stats._continuous_distns.", "scipy.stats._discrete_distns.")


def harmless(schema: Any, types: set[str]) -> set[str]:
    """Those of the types asked about that are SciPy's distributions with the library's text.

    `schema` is the open zip file of skops'.
    """
    named = {name for name in types if name.startswith(_OWN) and name in _texts()}
    if not named:
        return set()
    content, context = read_schema(schema)
    tree = _audit.get_tree(content, load_context=context, trusted=None)
    for node in _nodes(tree, set()):
        name = f"{node.module_name}.{node.class_name}"
        if name in named and not _is_own(node, _texts()[name]):
            named.discard(name)
    return named


def _is_own(node: Any, texts: frozenset[str]) -> bool:
    """Whether a node makes a distribution whose functions are the library's."""
    if type(node) is not _general.ObjectNode:
        return False
    state = node.attrs
    if type(state) is not _general.DictNode or _name(state) != "builtins.dict":
        return False
    keys = state.key_types
    plain = type(keys) is _general.ListNode and all(
        type(key) is _general.TypeNode and _name(key) == "builtins.str" for key in keys.content
    )
    text = state.content.get(_TEXT)
    return plain and type(text) is _general.JsonNode and json.loads(text.content) in texts


def _name(node: Any) -> str:
    return f"{node.module_name}.{node.class_name}"


def _nodes(node: Any, seen: set[int]) -> Iterator[Any]:
    """All nodes of a tree, each once."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, _audit.Node) and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting.append(one.children)
            if isinstance(one, _audit.CachedNode):
                waiting.append(one.cached)


@cache
def _texts() -> dict[str, frozenset[str]]:
    """The library's own texts by the class of the distribution."""
    by_class: dict[str, set[str]] = {}
    for one in vars(scipy.stats).values():
        if hasattr(one, _TEXT) and not inspect.isclass(one):
            kind = type(one)
            by_class.setdefault(f"{kind.__module__}.{kind.__name__}", set()).add(
                getattr(one, _TEXT)
            )
    return {name: frozenset(texts) for name, texts in by_class.items()}
