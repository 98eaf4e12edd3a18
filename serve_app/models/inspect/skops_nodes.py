"""Nodes of skops: what stands in each, read without constructing an object."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import scipy.sparse
from skops.io import _audit, _general, _numpy, _scipy

from serve_app.errors import InvalidInput
from serve_app.models.inspect import sklearn_states
from serve_app.models.inspect.archive import array_of, check_npz
from serve_app.models.inspect.forest import AGAIN


def children(node: Any) -> Iterator[Any]:
    """The nodes in a node."""
    waiting = [node.children]
    if isinstance(node, _audit.CachedNode):
        waiting.append(node.cached)
    while waiting:
        one = waiting.pop()
        if isinstance(one, _audit.Node):
            yield one
        elif isinstance(one, Mapping):
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def plain(node: Any) -> Any:
    """What a node stands for: numbers, texts, arrays, matrices, tuples, mappings; else the node."""
    if isinstance(node, _audit.CachedNode):
        node = node.cached
    if isinstance(node, _general.JsonNode):
        return node.construct()
    if isinstance(node, _general.BytesNode):
        return node.content.getvalue()
    if isinstance(node, _general.DictNode):
        return {key: plain(value) for key, value in node.content.items()}
    if isinstance(node, _general.TupleNode):
        return tuple(plain(value) for value in node.content)
    if isinstance(node, _numpy.NdArrayNode) and node.type == "numpy":
        array = array_of(node.buffer.getvalue(), "an array")
        return array if name_of(node) == "numpy.ndarray" else array[()]
    return _sparse(node) if isinstance(node, _scipy.SparseMatrixNode) else node


def name_of(node: Any) -> str:
    """The whole name of the class of a node's object."""
    return f"{node.module_name}.{node.class_name}"


def _sparse(node: Any) -> Any:
    """The sparse matrix of a node, whose indices lie within its shape."""
    content = node.content.getvalue()
    check_npz(content)
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        sklearn_states.check_sparse({key: file[key] for key in file.files})
    try:
        return scipy.sparse.load_npz(io.BytesIO(content))
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"a sparse matrix is none; {AGAIN}") from error
