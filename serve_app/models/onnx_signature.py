"""The signature of an ONNX graph, from the graph and from what rows show of its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from serve_app.core.signature import Output, OutputKind, Signature
from serve_app.models import onnx_examined
from serve_app.models.labels import check_labels
from serve_app.models.onnx_ends import Graph

if TYPE_CHECKING:
    import pandas as pd


def signature(graph: Graph, frame: pd.DataFrame, labels: Sequence[Any]) -> Signature:
    """What an ONNX graph takes and gives.

    Raises:
        InvalidInput: the labels do not fit, or the graph does not answer the rows.
    """
    graph = graph if graph.settings is not None else onnx_examined.examined(graph, frame, labels)
    settings = graph.settings
    assert settings is not None  # noqa: S101 - examined just now
    roles = settings.roles
    check_labels(labels, roles.classes)
    output = Output(
        cast(OutputKind, roles.kind),
        tuple(labels) or roles.classes,
        bool(roles.shares),
        roles.width,
        tuple(one.column for one in settings.outputs),
        roles.scores_width,
        named=settings.named,
    )
    inputs = onnx_examined.inputs(graph, frame)
    taken = settings.columns or tuple((at,) for at in range(len(inputs)))
    tensors = tuple(one.column for one in settings.inputs)
    return Signature(inputs, output, by_position=settings.by_position, tensors=tensors, taken=taken)
