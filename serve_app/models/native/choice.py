"""Who walks the trees of a compiled version here: chosen when it is loaded, and proven then."""

from __future__ import annotations

import logging
import operator
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from functools import cache
from typing import Any, TypeVar

import numpy as np

from serve_app.core.columns import Array
from serve_app.errors import ArtifactRejected, InvalidInput
from serve_app.models.compiled import storage
from serve_app.models.compiled.operation import Chain, Operation, chain
from serve_app.models.compiled.trees import Membership, SumOfTrees, Trees
from serve_app.models.native.forest import NativeForest
from serve_app.models.native.nodes import Ensemble, Foreign, asking, of
from serve_app.models.native.proof import same_bits

API = 3
"""What this module expects of the library."""
_DAMAGED = "the compiled form's trees cannot be walked"
_log = logging.getLogger(__name__)
_Some = TypeVar("_Some", bound=Operation)


@cache
def library() -> Any:
    """`serve_app_native`, or None where it is not installed or is of another time."""
    try:
        import serve_app_native  # noqa: PLC0415 - most machines have none
    except ImportError as error:
        if error.name != "serve_app_native":
            _log.warning("serve-app-native cannot be loaded (%s); others walk the trees", error)
        return None
    except OSError as error:
        _log.warning("serve-app-native cannot be loaded (%s); others walk the trees", error)
        return None
    if serve_app_native.API != API:
        _log.warning(
            "serve-app-native %s does not fit this serve-app; others walk the trees",
            serve_app_native.__version__,
        )
        return None
    return serve_app_native


def kernels(content: bytes) -> tuple[str, ...]:
    """Who walks the trees of a compiled file on this machine; nobody where it has none.

    Raises:
        ArtifactRejected: it cannot be read, or walks through its trees would not end.
    """
    return tuple(dict.fromkeys(_kernels(native(storage.load(content)))))


def _kernels(operation: Operation) -> Iterator[str]:
    if isinstance(operation, NativeForest):
        yield f"serve-app-native {library().__version__} ({library().instructions()})"
    elif isinstance(operation, Trees):
        yield "ONNX Runtime"
    for inner in operation.inner_operations():
        yield from _kernels(inner)


def native(operation: _Some) -> _Some:
    """The same operation, with the library in place of whoever walked its trees.

    Where it is not there or gives other bits, or the trees are of another form, they stay.

    Raises:
        ArtifactRejected: walks through the trees would not end, or leave them.
    """
    if library() is None:
        return operation
    return _native(operation)  # type: ignore[no-any-return]


def _native(value: Any) -> Any:
    if isinstance(value, tuple):
        parts = tuple(_native(inner) for inner in value)
        return value if all(map(operator.is_, parts, value)) else parts
    if not isinstance(value, Operation):
        return value
    if isinstance(value, Chain):
        value = _of_categories(value)
    if isinstance(value, SumOfTrees | Trees):
        built = _built(value)
        if built is not None:
            return built
    inner = {one.name: getattr(value, one.name) for one in fields(value) if one.init}
    changed = {name: _native(part) for name, part in inner.items()}
    if all(changed[name] is inner[name] for name in inner):
        return value
    return replace(value, **changed)


def _of_categories(value: Chain) -> Chain:
    """The same chain, with trees that ask about sets of codes and what answered them as one."""
    steps: list[Operation] = []
    for step in value.steps:
        before = steps[-1] if steps else None
        if isinstance(step, SumOfTrees | Trees) and isinstance(before, Membership):
            built = _built(step, before)
            if built is not None:
                steps[-1] = built
                continue
        steps.append(step)
    return value if len(steps) == len(value.steps) else Chain(tuple(steps))


def _built(value: SumOfTrees | Trees, before: Membership | None = None) -> NativeForest | None:
    """The library's form of an operation, and of what comes before, once it has proven equal."""
    walked = value.leaves.trees if isinstance(value, SumOfTrees) else value
    if not isinstance(walked, Trees):
        return None
    try:
        ensemble = of(walked) if before is None else asking(of(walked), before)
        forest = _summed(value, ensemble) if isinstance(value, SumOfTrees) else _plain(ensemble)
    except (Foreign, library().Unsuited) as reason:
        _log.info("trees stay with their library: %s", reason)
        return None
    except InvalidInput as error:
        raise ArtifactRejected(f"{_DAMAGED} ({error})") from error
    except library().Refused as error:
        raise ArtifactRejected(f"{_DAMAGED} ({error})") from error
    known = chain(before, value)
    with np.errstate(all="ignore"):
        if not same_bits(known, forest, ensemble):
            _log.warning("serve-app-native gives other bits here; others walk the trees")
            return None
    compute = forest if before is None else _in_dtype(ensemble, forest, known)
    return NativeForest(
        compute, forest.row, forest.dtype, forest.sum_dtype, forest.outputs, before is not None
    )


def _in_dtype(
    trees: Ensemble, forest: Callable[[Array], Array], known: Operation
) -> Callable[[Array], Array]:
    """What computes in the dtype of the thresholds, since in another one codes are other ones."""
    dtype = trees.threshold.dtype
    return lambda x: forest(x) if x.dtype == dtype else known(x)


def _plain(trees: Ensemble) -> Any:
    """Sums in float32, as ONNX Runtime adds them."""
    own = np.arange(len(trees.value))
    zeros = np.zeros(trees.outputs, np.float32)
    return _forest(trees, own, trees.value, output=trees.output, start=zeros)


def _summed(operation: SumOfTrees, trees: Ensemble) -> Any:
    """Sums of what stands in numbered leaves, in float64."""
    leaves, start = operation.leaves, operation.start
    if start.dtype != np.float64 or operation.divisor == 0.0:
        raise Foreign("sums are not of doubles, or are divided by nothing")
    if not np.array_equal(trees.output, np.arange(len(trees.root))):
        raise Foreign("trees do not have an output each")
    if len(leaves.starts) != len(trees.root) or start.ndim != 1:
        raise Foreign("there are other leaves than trees")
    tree_of = np.searchsorted(trees.root, np.arange(len(trees.left)), side="right") - 1
    leaf = trees.value.astype(np.int64) + leaves.starts[tree_of]
    values = leaves.values if leaves.scale == 1.0 else leaves.values * leaves.scale
    outputs = len(start)
    output = np.zeros(len(trees.root), np.int64)
    if operation.groups is not None:
        output = _grouped(operation.groups, len(trees.root), outputs)
    elif outputs != (1 if values.ndim == 1 else values.shape[1]):
        raise Foreign("leaves hold other numbers than there are outputs")
    if operation.groups is not None and values.ndim != 1:
        raise Foreign("leaves hold several numbers, and trees have outputs of their own")
    doubles = values.astype(np.float64)
    return _forest(trees, leaf, doubles, output=output, start=start, divisor=operation.divisor)


def _grouped(groups: Array, trees: int, outputs: int) -> Array:
    """Which output each tree adds to, where each output goes through its trees in order."""
    output = np.full(trees, -1)
    in_order = groups.ndim == 2 and len(groups) == outputs and groups.size == trees
    if not in_order or (np.diff(groups, axis=1) <= 0).any():
        raise Foreign("trees are added in another order")
    if not np.array_equal(np.sort(groups, axis=None), np.arange(trees)):
        raise Foreign("trees are added several times")
    output[groups] = np.arange(outputs)[:, np.newaxis]
    return output


def _forest(
    trees: Ensemble,
    leaf: Array,
    values: Array,
    *,
    output: Array,
    start: Array,
    divisor: float | None = None,
) -> Any:
    sets = trees.sets
    nodes = library().Nodes(
        feature=trees.feature,
        threshold=trees.threshold,
        left=trees.left,
        right=trees.right,
        gap_left=trees.gap_left,
        leaf=leaf,
        root=trees.root,
        below=trees.below,
        columns=trees.columns,
        sets=None if sets is None else library().Sets(sets.feature, sets.inside),
    )
    return library().Forest(nodes, values, output=output, start=start, divisor=divisor)


__all__ = ["NativeForest", "kernels", "library", "native"]
