"""What the nodes of an ONNX graph say of the outputs that they lead to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import helper, numpy_helper

from serve_app.models.onnx_ends import Hints

_CLASSES = ("classlabels_int64s", "classlabels_ints", "classlabels_strings")
_VALUES = ("values_int64s", "values_strings")
_TEXTS = ("cats_strings", "keys_strings")
_CLASSIFIERS = frozenset({"LinearClassifier", "SVMClassifier", "TreeEnsembleClassifier"})
_REGRESSORS = frozenset({"LinearRegressor", "SVMRegressor", "TreeEnsembleRegressor"})
_PASSING = frozenset(
    {
        "ArrayFeatureExtractor", "Cast", "Flatten", "Identity", "Reshape", "Slice", "Squeeze",
        "Transpose", "Unsqueeze",
    }
)  # fmt: skip
_SHARING = frozenset({"Softmax", "Sigmoid", "Normalizer"})
_MOST_TEXTS = 50


class Nodes:
    """The nodes of a graph, followed from its outputs upwards."""

    def __init__(self, graph: Any) -> None:
        self._nodes = list(graph.node)
        self._makers = {name: node for node in graph.node for name in node.output}
        self._constants = {one.name: one for one in graph.initializer}

    def classes(self, outputs: Sequence[str]) -> tuple[Any, ...]:
        """The classes whose names lie on the way to an output, else those that any node names."""
        for name in outputs:
            for node in self._above(name):
                names = named_classes(node) or _listed(node, _VALUES) or self._picked(node)
                if names and len(set(names)) == len(names):
                    return names
        listed = [names for node in self._nodes if (names := named_classes(node))]
        return listed[0] if len(set(listed)) == 1 else ()

    def hints(self, outputs: Sequence[str]) -> Hints:
        """What is known of the outputs before any row was computed."""
        labels: list[str] = []
        scores: list[str] = []
        values: list[str] = []
        shares: list[str] = []
        for name in outputs:
            way = self._above(name)
            if not way:
                continue
            last = way[-1]
            if last.op_type in _CLASSIFIERS and _leaves_by(last, way, name) == 0:
                labels.append(name)
            elif _undecided(last):
                scores.append(name)
            elif last.op_type in _REGRESSORS:
                values.append(name)
            elif last.op_type in _SHARING | _CLASSIFIERS:
                shares.append(name)
        texts = tuple(
            str(text) for node in self._nodes for text in _listed(node, _TEXTS) if text != ""
        )
        return Hints(
            tuple(labels), tuple(scores), tuple(values), tuple(shares), texts[:_MOST_TEXTS]
        )

    def _above(self, name: str) -> list[Any]:
        """The nodes that an output passes on its way from the one that made it, that one last."""
        way: list[Any] = []
        while (node := self._makers.get(name)) is not None and node not in way:
            way.append(node)
            if node.op_type not in _PASSING or not node.input:
                break
            name = node.input[0]
        return way

    def _picked(self, node: Any) -> tuple[Any, ...]:
        """The classes of which a node picks one by its number."""
        if node.op_type not in {"ArrayFeatureExtractor", "Gather"} or not node.input:
            return ()
        constant = self._constants.get(node.input[0])
        if constant is None:
            return ()
        array = numpy_helper.to_array(constant)
        return _plain(array.reshape(-1)) if array.dtype.kind in "iuOSU" else ()


def named_classes(node: Any) -> tuple[Any, ...]:
    """The classes that a node names."""
    return _listed(node, _CLASSES)


def _listed(node: Any, names: Sequence[str]) -> tuple[Any, ...]:
    for attribute in node.attribute:
        if attribute.name in names:
            values = _plain(np.asarray(helper.get_attribute_value(attribute)))
            if values:
                return values
    return ()


def _plain(values: Any) -> tuple[Any, ...]:
    listed = values.tolist()
    return tuple(v.decode() if isinstance(v, bytes) else v for v in listed)


def _leaves_by(node: Any, way: Sequence[Any], name: str) -> int:
    """By which of its outputs a way leaves the node at its end."""
    taken = way[-2].input[0] if len(way) > 1 else name
    return int(list(node.output).index(taken))


def _undecided(node: Any) -> bool:
    """Whether a classifier gives what it decides by, which are no probabilities, as it is."""
    if node.op_type not in {"LinearClassifier", "SVMClassifier"}:
        return False
    attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    return attributes.get("post_transform", b"NONE") == b"NONE" and not len(
        attributes.get("prob_a", ())
    )
