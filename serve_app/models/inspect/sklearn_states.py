"""States of native objects of scikit-learn, SciPy and NumPy: what they index lies within.

Their `__setstate__` takes arrays as they are, and what computes with them later checks no bounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from serve_app.core.columns import Array
from serve_app.errors import InvalidInput
from serve_app.models.inspect.forest import AGAIN, Forest, check_forest

MAX_DEPTH = 10_000
_MAX_OUTPUTS = 2**20


def check_trees(states: Sequence[tuple[Any, Any, int | None]]) -> None:
    """Trees of `sklearn.tree`: their arguments, their state, and the features of their owner.

    Raises:
        InvalidInput: one does not hold together; says which.
    """
    if not states:
        return
    features = [_tree_size(n, *state) for n, state in enumerate(states)]
    nodes = [state["nodes"] for _, state, _ in states]
    sizes = np.array([len(one) for one in nodes], np.int64)
    left, right, feature = (
        np.concatenate([one[key] for one in nodes])
        for key in ("left_child", "right_child", "feature")
    )
    forest = Forest(left, right, left != -1, sizes)
    depths = check_forest(forest, MAX_DEPTH)
    _check_features(forest, feature, features)
    for number, (_, state, _) in enumerate(states):
        depth = _count(state, "max_depth", f"tree {number}")
        if depths[number] > depth:
            msg = f"tree {number} is {depths[number]} levels deep and says {depth}; {AGAIN}"
            raise InvalidInput(msg)


def _tree_size(number: int, args: Any, state: Any, owned: int | None) -> int:
    """Hold the arrays of a tree against its numbers; gives how many features it may ask for."""
    where = f"tree {number}"
    if not isinstance(args, tuple) or len(args) != 3 or not isinstance(state, Mapping):
        raise InvalidInput(f"{where} has no state of a tree; {AGAIN}")
    numbers = dict(zip(("n_features", "n_classes", "n_outputs"), args, strict=True))
    features, outputs = (_count(numbers, key, where) for key in ("n_features", "n_outputs"))
    classes = _array(numbers, "n_classes", where, "iu")
    if outputs < 1 or outputs > _MAX_OUTPUTS or classes.shape != (outputs,) or classes.min() < 1:
        raise InvalidInput(f"{where}: n_classes are not those of {outputs} outputs; {AGAIN}")
    nodes, values = state.get("nodes"), _array(state, "values", where, "f")
    nodes = _records(nodes, ("left_child", "right_child", "feature"), where)
    count = _count(state, "node_count", where)
    if count != len(nodes):
        raise InvalidInput(f"{where} has {len(nodes)} nodes and says {count}; {AGAIN}")
    if values.shape != (count, outputs, int(classes.max())):
        raise InvalidInput(f"{where}: its values have the shape {values.shape}; {AGAIN}")
    return features if owned is None else min(features, owned)


def check_predictors(states: Sequence[tuple[Any, int | None]]) -> None:
    """Trees of `HistGradientBoosting…`: their states, and the features of their owner.

    Raises:
        InvalidInput: one does not hold together; says which.
    """
    if not states:
        return
    for number, (state, _) in enumerate(states):
        nodes_of = state.get("nodes") if isinstance(state, Mapping) else None
        _records(nodes_of, ("left", "right", "is_leaf", "feature_idx"), f"tree {number}")
    nodes = [state["nodes"] for state, _ in states]
    sizes = np.array([len(one) for one in nodes], np.int64)
    joined = np.concatenate(nodes)
    inner = joined["is_leaf"] == 0
    forest = Forest(joined["left"], joined["right"], inner, sizes)
    check_forest(forest, MAX_DEPTH)
    limits = [2**31 if owned is None else owned for _, owned in states]
    _check_features(forest, joined["feature_idx"], limits)
    if "is_categorical" not in (joined.dtype.names or ()):
        return
    sets = np.repeat([_sets(state, n) for n, (state, _) in enumerate(states)], sizes)
    at = np.flatnonzero(inner & (joined["is_categorical"] != 0))
    chosen = joined["bitset_idx"][at]
    words = "it splits by set {} of {} of categories"
    forest.require(chosen < sets[at], at, words, chosen, sets[at])


def check_categorical(nodes: Array, marks: Array) -> None:
    """The nodes of a tree of `HistGradientBoosting…`: they split by sets what is marked alone.

    Raises:
        InvalidInput: one splits another column so.
    """
    fields = ("is_leaf", "is_categorical", "feature_idx")
    if any(name not in (nodes.dtype.names or ()) for name in fields):
        return  # One of these is not looked for either.
    chosen = (nodes["is_leaf"] == 0) & (nodes["is_categorical"] != 0)
    column = nodes["feature_idx"][chosen].astype(np.int64)
    wrong = column[(column < 0) | (column >= len(marks))]
    if not len(wrong):
        wrong = column[marks[column] == 0]
    if len(wrong):
        msg = f"a tree splits column {wrong[0]} by sets of categories, and it has none; {AGAIN}"
        raise InvalidInput(msg)


def _sets(state: Mapping[str, Any], number: int) -> int:
    sets = _array(state, "raw_left_cat_bitsets", f"tree {number}", "u")
    if sets.ndim != 2 or sets.shape[1] != 8:
        raise InvalidInput(f"tree {number}: its sets of categories are none; {AGAIN}")
    return len(sets)


def _check_features(forest: Forest, feature: Array, limits: Sequence[int]) -> None:
    at = np.flatnonzero(forest.inner)
    limit = np.repeat(np.asarray(limits, np.int64), forest.sizes)[at]
    column = feature[at].astype(np.int64)
    words = "it asks for feature {}, and there are {}"
    forest.require((column >= 0) & (column < limit), at, words, column, limit)


def check_space_tree(state: Any, where: str) -> None:
    """A KD tree or ball tree: its nodes share out its points, and have the bounds of their kind.

    A KD tree bounds each node from below and above, a ball tree by a centre: scikit-learn reads
    as many without a look at how many there are.

    Raises:
        InvalidInput: it does not hold together.
    """
    if not isinstance(state, tuple) or len(state) not in {12, 13}:
        raise InvalidInput(f"{where} has no state of a tree; {AGAIN}")
    data, order, nodes, bounds = state[:4]
    arrays = all(isinstance(one, np.ndarray) for one in state[:4])
    if not arrays or data.ndim != 2 or nodes.ndim != 1 or bounds.ndim != 3:
        raise InvalidInput(f"{where}: its arrays are not those of a tree; {AGAIN}")
    rows, count = len(data), len(nodes)
    _records(nodes, ("idx_start", "idx_end", "is_leaf"), where)
    if order.dtype.kind != "i":
        raise InvalidInput(f"{where}: its order is none of points; {AGAIN}")
    numbers = [one for one in state[4:11] if isinstance(one, int) and not isinstance(one, bool)]
    if len(numbers) != 7 or min(numbers) < 0 or numbers[0] < 1:
        raise InvalidInput(f"{where}: its counts are no numbers; {AGAIN}")
    if numbers[2] != count or count != 2 ** min(numbers[1], 63) - 1:
        raise InvalidInput(f"{where} has {count} nodes and says {numbers[2]}; {AGAIN}")
    sides = 2 if "KDTree" in where else 1
    if bounds.shape != (sides, count, data.shape[1]):
        raise InvalidInput(f"{where}: the bounds of its nodes have another shape; {AGAIN}")
    if len(order) != rows or (rows and (order.min() < 0 or order.max() >= rows)):
        raise InvalidInput(f"{where}: its order names points that there are not; {AGAIN}")
    weights = state[12] if len(state) == 13 else None
    if isinstance(weights, np.ndarray) and weights.shape != (rows,):
        raise InvalidInput(f"{where}: it has {weights.shape} weights for {rows} points; {AGAIN}")
    start, end, leaf = nodes["idx_start"], nodes["idx_end"], nodes["is_leaf"] != 0
    wrong = (start < 0) | (end < start) | (end > rows)
    wrong |= ~leaf & (2 * np.arange(count) + 2 >= count)
    if wrong.any():
        msg = f"{where}, node {int(np.argmax(wrong))}: it holds points or children that there are"
        raise InvalidInput(f"{msg} not; {AGAIN}")


def check_distance(state: Any, where: str, columns: int) -> None:
    """A distance within a tree: its weights or its matrix have an entry for each column.

    Raises:
        InvalidInput: they have not; scikit-learn would read beyond them.
    """
    _, weights, matrix = state if isinstance(state, tuple) and len(state) == 3 else (None,) * 3
    if not isinstance(weights, np.ndarray) or not isinstance(matrix, np.ndarray):
        raise InvalidInput(f"{where} has no state of a distance; {AGAIN}")
    wrong = {
        "SEuclidean": weights.shape != (columns,),
        "Minkowski": weights.shape not in {(0,), (columns,)},
        "Mahalanobis": matrix.shape != (columns, columns),
    }
    if any(bad for kind, bad in wrong.items() if f".{kind}Distance" in where):
        msg = f"{where}: its weights of the shape {weights.shape} and its matrix {matrix.shape}"
        raise InvalidInput(f"{msg} are not those of {columns} columns; {AGAIN}")


def check_random_state(state: Any) -> None:
    """NumPy's legacy generator: its position lies within its 624 words.

    Raises:
        InvalidInput: it does not.
    """
    words = state[1] if isinstance(state, tuple) and len(state) >= 3 else None
    if isinstance(state, Mapping):
        inner = state.get("state")
        state = (None, None, inner.get("pos", 0) if isinstance(inner, Mapping) else -1)
    elif not isinstance(words, np.ndarray) or words.shape != (624,):
        raise InvalidInput(f"a random state does not hold its 624 words; {AGAIN}")
    place = state[2]
    if not isinstance(place, (int, np.integer)) or not 0 <= int(place) <= 624:
        raise InvalidInput(f"a random state stands at word {str(place)[:20]} of 624; {AGAIN}")


def check_spline(state: Any) -> None:
    """SciPy's B-spline: as many coefficients as its knots have places for.

    Raises:
        InvalidInput: it has fewer, or its knots are in no order.
    """
    state = state if isinstance(state, Mapping) else {}
    knots = _array(state, "_t" if "_t" in state else "t", "a spline", "f")
    factors = _array(state, "_c" if "_c" in state else "c", "a spline", "fc")
    degree = _count(state, "k", "a spline")
    places = len(knots) - degree - 1
    if knots.ndim != 1 or degree > 100 or places < degree + 1 or (np.diff(knots) < 0).any():
        raise InvalidInput(f"a spline has {len(knots)} knots for degree {degree}; {AGAIN}")
    axis = state.get("axis", 0)
    fine = np.isfinite(knots).all() and factors.ndim >= 1 and len(factors) >= places
    if not fine or not isinstance(axis, int) or not 0 <= axis < factors.ndim:
        msg = f"a spline has {len(factors)} coefficients in place of {places}; {AGAIN}"
        raise InvalidInput(msg)


def check_pieces(state: Any) -> None:
    """SciPy's piecewise polynomial: one more breakpoint than pieces.

    Raises:
        InvalidInput: it has others.
    """
    state = state if isinstance(state, Mapping) else {}
    breaks = _array(state, "x", "a piecewise polynomial", "f")
    factors = _array(state, "c", "a piecewise polynomial", "fc")
    if breaks.ndim != 1 or factors.ndim < 2 or factors.shape[1] != len(breaks) - 1:
        msg = f"a piecewise polynomial has {len(breaks)} breakpoints for {factors.shape}; {AGAIN}"
        raise InvalidInput(msg)


def check_sparse(arrays: Mapping[str, Any]) -> None:
    """A sparse matrix as `scipy.sparse.save_npz` writes it: its indices lie within its shape.

    Raises:
        InvalidInput: they do not.
    """
    form = arrays.get("format", np.array(b"")).item()
    form = form.decode("ascii", "replace") if isinstance(form, bytes) else str(form)
    shape = arrays.get("shape", np.empty(0)).tolist()
    if len(shape) not in {1, 2} or any(not isinstance(n, int) or n < 0 for n in shape):
        raise InvalidInput(f"a sparse matrix has the shape {str(shape)[:60]}; {AGAIN}")
    if form not in {"csr", "csc", "bsr"}:
        return  # Of these SciPy itself looks at every index.
    major, minor = (shape[0], shape[-1]) if form != "csc" else (shape[-1], shape[0])
    ends, places, data = (arrays.get(key, np.empty(0)) for key in ("indptr", "indices", "data"))
    if form == "bsr":
        if data.ndim != 3 or 0 in data.shape[1:]:
            raise InvalidInput(f"a sparse matrix has no blocks; {AGAIN}")
        major, minor = major // data.shape[1], minor // data.shape[2]
    fine = ends.dtype.kind == places.dtype.kind == "i" and len(ends) == major + 1
    fine = fine and len(places) == len(data) and ends[0] == 0 and ends[-1] <= len(places)
    if not fine or (np.diff(ends) < 0).any() or ((places < 0) | (places >= minor)).any():
        raise InvalidInput(f"a sparse matrix has entries outside of its shape; {AGAIN}")


def _records(nodes: Any, fields: tuple[str, ...], where: str) -> Array:
    """An array of nodes that has all these fields, whole numbers each."""
    if isinstance(nodes, np.ndarray) and nodes.ndim == 1:
        dtype = nodes.dtype
        known = dtype.names or ()
        if all(name in known and dtype[name].kind in "iu" for name in fields):
            return nodes
    raise InvalidInput(f"{where}: its nodes are no nodes of a tree; {AGAIN}")


def _count(state: Any, key: str, where: str) -> int:
    value = state.get(key)
    if isinstance(value, np.generic) and value.dtype.kind in "iu":
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise InvalidInput(f"{where}: {key} is {str(value)[:40]} and no number of things; {AGAIN}")
    return value


def _array(state: Mapping[str, Any], key: str, where: str, kinds: str) -> Array:
    value = state.get(key)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in kinds:
        raise InvalidInput(f"{where}: {key} is no array of numbers; {AGAIN}")
    return value
