"""Trees and sums over them in plain Python, to hold the library against."""

import math

import numpy as np


def grown(rng, *, trees, columns, dtype, most=40, grid=None):
    """Random trees, as arrays by the names of `Nodes`; a grid makes numbers meet thresholds."""
    feature, threshold, left, right, gap_left, root = [], [], [], [], [], []
    for _ in range(trees):
        root.append(len(left))
        waiting = [len(left)]
        left.append(-1)
        questions = int(rng.integers(0, most))
        while questions and waiting:
            node = waiting.pop(int(rng.integers(0, len(waiting))))
            left[node] = len(left)
            left += [-1, -1]
            waiting += [len(left) - 2, len(left) - 1]
            questions -= 1
    count = len(left)
    left = np.array(left)
    right = np.where(left < 0, -1, left + 1)
    feature = rng.integers(0, columns, count)
    threshold = rng.normal(size=count) if grid is None else rng.choice(grid, count)
    gap_left = rng.integers(0, 2, count).astype(bool)
    return {
        "feature": feature,
        "threshold": threshold.astype(dtype),
        "left": left,
        "right": right,
        "gap_left": gap_left,
        "leaf": np.arange(count),
        "root": np.array(root),
    }


def widened(rows, feature, inside):
    """Rows with a column more for each set of codes: 1 inside, 0 outside, a gap for a gap (2)."""

    def answer(number, codes):
        if math.isnan(number):
            return math.nan
        return (0.0, 1.0, math.nan)[codes[int(number)]] if 0 <= number < len(codes) else 0.0

    pairs = list(zip(feature, inside, strict=True))
    more = [[answer(row[at], codes) for at, codes in pairs] for row in rows]
    shape = (len(rows), len(pairs))
    return np.concatenate([rows, np.array(more, rows.dtype).reshape(shape)], axis=1)


def leaf_of(nodes, root, row, *, below):
    """Where a row's walk ends."""
    at = root
    while nodes["left"][at] != -1:
        value, threshold = row[nodes["feature"][at]], nodes["threshold"][at]
        if math.isnan(value):
            goes_left = nodes["gap_left"][at]
        else:
            goes_left = value < threshold if below else value <= threshold
        at = nodes["left"][at] if goes_left else nodes["right"][at]
    return at


def sums(nodes, values, *, output, start, rows, below, divisor=None):
    """Sums tree after tree, each addition rounded to the dtype of `start`."""
    out = np.tile(start, (len(rows), 1))
    for at, row in enumerate(rows):
        for tree, root in enumerate(nodes["root"]):
            value = values[nodes["leaf"][leaf_of(nodes, root, row, below=below)]]
            if value.ndim:
                out[at] = out[at] + value
            else:
                out[at, output[tree]] = out[at, output[tree]] + value
    return out if divisor is None else out / divisor
