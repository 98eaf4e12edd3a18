"""Converts LightGBM's models: its scikit-learn wrappers and plain boosters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import lightgbm
import numpy as np

from serve_app.core.columns import Array
from serve_app.models.compiled.arithmetic import Beside, Cast, Elementwise, Pick, ToMatrix
from serve_app.models.compiled.boosters import SignedSquare, Truncate, ZeroOrGap
from serve_app.models.compiled.categories import Codes, Known
from serve_app.models.compiled.classes import BothClasses, Largest, Sigmoid, Softmax
from serve_app.models.compiled.operation import Chain, Operation, chain
from serve_app.models.compiled.shapes import Flatten
from serve_app.models.compiled.trees import Membership, SumOfTrees
from serve_app.models.convert.dispatch import Given, Inconvertible, Scored, numbers, predicts
from serve_app.models.convert.forest import Tree, leaves
from serve_app.models.lightgbm import WRAPPERS, at_prediction, booster_of, objective, outputs

MAX_MEMBERS = 20_000_000
"""How many codes of categories all sets of a model may name together."""
_SAME = Chain(())
_POWERS = frozenset({"gamma", "poisson", "tweedie"})
_IDENTITY = frozenset(
    {
        "custom",
        "fair",
        "huber",
        "lambdarank",
        "mape",
        "quantile",
        "rank_xendcg",
        "regression",
        "regression_l1",
    }
)
_CATEGORICAL, _LEFT = 1, 2
"""Bits of what a file says of a node: that it splits by category, that gaps go left."""
_ZERO = 1
"""What a node takes for a gap, in the bits above: nothing (0), zeros (1), or NaN (2)."""


@dataclass(slots=True)
class _Features:
    """What the trees of a model ask of its features, found out while they are read.

    `gaps` is what counts as one by feature, `codes` the features that are codes of categories,
    `sets` the columns of memberships that come after the features, by feature and codes.
    """

    width: int
    gaps: dict[int, int] = field(default_factory=dict)
    codes: set[int] = field(default_factory=set)
    sets: dict[tuple[int, bytes], tuple[int, Array]] = field(default_factory=dict)

    def place(self, feature: int, inside: Array) -> int:
        """Where the column stands that says whether a code is in a set."""
        key = (feature, inside.tobytes())
        if key not in self.sets:
            self.sets[key] = (self.width + len(self.sets), inside)
        return self.sets[key][0]


@predicts(lightgbm.Booster, *WRAPPERS)
def _lightgbm(model: Any, given: Given) -> Scored:
    if at_prediction(model).get("pred_early_stop"):
        raise Inconvertible("LightGBM stops adding trees early, which has no compiled form")
    booster = booster_of(model)
    head, *texts = booster.model_to_string().partition("\nend of trees")[0].split("\nTree=")
    features = _Features(booster.num_feature())
    read = [_tree(_settings(text), features) for text in texts]
    members, values = [tree for tree, _ in read], [value for _, value in read]
    outputs_ = booster.num_model_per_iteration()
    width = features.width + len(features.sets)
    walked = leaves(members, values, width=width, double=True)
    averaged = "average_output" in head.splitlines()
    groups = None
    if outputs_ > 1:
        groups = np.arange(len(members)).reshape(-1, outputs_).T.copy()
    divisor = float(len(members) // outputs_) if averaged else None
    added = SumOfTrees(walked, np.zeros(outputs_), divisor, groups)
    rows = chain(_rows(given, booster.pandas_categorical or []), *_prepared(features))
    scores = chain(rows, added, Flatten() if outputs_ == 1 else None)
    return _finished(model, scores, outputs_)


def _finished(model: Any, scores: Operation, width: int) -> Scored:
    kind, labels, _, _ = outputs(model)
    name, settings = objective(model)
    link = _link(name, settings)
    if kind == "regression":
        return Scored(scores, decision=_SAME, link=link)
    both = chain(link, BothClasses()) if width == 1 else link
    # The class is that of the largest probability, which is coarser than what it comes from.
    return Scored(scores, _SAME, _SAME, Largest(), np.asarray(labels), both)


def _link(name: str, settings: Mapping[str, str]) -> Operation | None:
    if name in {"binary", "multiclassova"}:
        return Sigmoid(float(settings.get("sigmoid", 1.0)))
    if name == "multiclass":
        return Softmax()
    if name == "cross_entropy":
        return Sigmoid()
    if name == "cross_entropy_lambda":
        return chain(Elementwise("exp"), Elementwise("log1p"))
    if name in _POWERS:
        return Elementwise("exp")
    if name in _IDENTITY:
        return SignedSquare() if "sqrt" in settings else None
    msg = f"LightGBM's objective {name} has no compiled form"
    raise Inconvertible(msg)


def _rows(given: Given, known: list[list[Any]]) -> Operation:
    """What makes float64 of the rows, categories as numbers in the model's own order."""
    if not any(column.frame_dtype == "category" for column in given.columns or ()):
        if known:
            msg = (
                "LightGBM was trained on categories, but the data says of no column that it is one"
            )
            raise Inconvertible(msg)
        to_matrix, _ = numbers(given)
        return chain(to_matrix, Cast("float64"))
    branches: list[Operation] = []
    own = iter(known)
    for position, column in enumerate(given.columns or ()):
        pick = Pick((position,))
        if column.frame_dtype != "category":
            numbers(Given(1, (column,)))
            branches.append(chain(pick, ToMatrix(), Cast("float64")))
            continue
        categories = tuple(next(own, ()))
        codes = tuple(float(code) for code in range(len(categories)))
        # What pandas makes a gap of: values outside of the frame's categories, or of the model's.
        shown = Known((0,), (tuple(column.categories or ()),))
        branches.append(chain(pick, shown, Codes((categories,), (codes,), (float("nan"),))))
    return Beside(tuple(branches), "float64")


def _prepared(features: _Features) -> list[Operation]:
    """What gives gaps and codes the form in which comparisons alone decide."""
    steps: list[Operation] = []
    zeroed, emptied = (np.zeros(features.width, dtype=bool) for _ in range(2))
    for feature, gap in features.gaps.items():
        zeroed[feature], emptied[feature] = gap == 0, gap == _ZERO
    steps.append(ZeroOrGap(zeroed, emptied))
    if features.codes:
        steps.append(Truncate(np.array(sorted(features.codes))))
    if features.sets:
        sizes = [len(inside) for _, inside in features.sets.values()]
        if max(sizes) * len(sizes) > MAX_MEMBERS:
            raise Inconvertible("its sets of categories are too many or too large")
        padded = [
            np.pad(inside, (0, max(sizes) - len(inside)), constant_values=1.0)
            for _, inside in features.sets.values()
        ]
        positions = np.array([feature for feature, _ in features.sets])
        steps.append(Membership(positions, np.array(padded)))
    return steps


def _settings(text: str) -> dict[str, str]:
    return dict(line.partition("=")[::2] for line in text.splitlines() if "=" in line)


def _numbers(entries: Mapping[str, str], name: str, kind: type) -> Array:
    return np.array(entries.get(name, "").split(), dtype=kind)


def _tree(entries: Mapping[str, str], features: _Features) -> tuple[Tree, Array]:
    """A tree, its splits first and then its leaves, with what stands in the leaves."""
    if entries.get("is_linear", "0") != "0":
        raise Inconvertible("LightGBM's linear trees have no compiled form")
    values = _numbers(entries, "leaf_value", np.float64)
    splits = len(values) - 1
    decision = _numbers(entries, "decision_type", np.int64)[:splits]
    feature = _numbers(entries, "split_feature", np.int64)[:splits]
    threshold = _numbers(entries, "threshold", np.float64)[:splits]
    missing_left = (decision & _LEFT) != 0
    categorical = (decision & _CATEGORICAL) != 0
    for node in range(splits):
        if categorical[node]:
            at = int(threshold[node])
            features.codes.add(int(feature[node]))
            feature[node] = features.place(int(feature[node]), _set(entries, at))
            threshold[node], missing_left[node] = 0.5, False
        else:
            _note(features, int(feature[node]), int(decision[node]) >> 2 & 3)
    if features.codes & features.gaps.keys():
        raise Inconvertible("its trees take one column for a number here and a category there")
    rest = np.zeros(splits + 1)
    tree = Tree(
        feature=np.concatenate([feature, rest.astype(np.int64)]),
        threshold=np.concatenate([threshold, rest]),
        left=np.concatenate([_children(entries, "left_child", splits), np.full(splits + 1, -1)]),
        right=np.concatenate([_children(entries, "right_child", splits), np.full(splits + 1, -1)]),
        missing_left=np.concatenate([missing_left, rest]),
        value=np.concatenate([np.zeros(splits), values]),
    )
    return tree, values


def _children(entries: Mapping[str, str], name: str, splits: int) -> Array:
    """Where children stand; a file numbers leaves apart, from -1 downwards."""
    child = _numbers(entries, name, np.int64)[:splits]
    return np.where(child < 0, splits - child - 1, child)


def _set(entries: Mapping[str, str], at: int) -> Array:
    """For each code 0 where it goes left and 1 where it goes right."""
    bounds = _numbers(entries, "cat_boundaries", np.int64)
    words = _numbers(entries, "cat_threshold", np.int64)[bounds[at] : bounds[at + 1]]
    bits = (words[:, np.newaxis] >> np.arange(32)) & 1
    return 1.0 - bits.ravel()


def _note(features: _Features, feature: int, gap: int) -> None:
    if features.gaps.setdefault(feature, gap) != gap:
        raise Inconvertible("its trees take different things for a gap in one column")
