"""Versions that were registered when the outputs of graphs were told by their position."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serve_app.models.onnx_ends import DTYPES, GraphInput, GraphOutput, GraphSettings, Roles


def former(settings: Mapping[str, Any], opened: Any) -> GraphSettings:
    """What the settings of such a version say; it answers as its sample says it did.

    `opened` is the session of its graph.
    """
    roles: Mapping[str, str] = settings["roles"]
    shapes = {one.name: one.shape for one in opened.get_inputs()}
    outputs = {one.name: one for one in opened.get_outputs()}
    inputs, columns, at = [], [], 0
    for name, dtype, width in settings["inputs"]:
        inputs.append(GraphInput(name, dtype, () if len(shapes[name]) == 1 else (width,)))
        columns.append(tuple(range(at, at + width)))
        at += width
    shares = roles.get("probabilities")
    kind = "regression" if "values" in roles else "classification"
    return GraphSettings(
        inputs=tuple(inputs),
        outputs=tuple(
            GraphOutput(name, DTYPES.get(outputs[name].type, "float32"), (), name)
            for name in roles.values()
        ),
        roles=Roles(
            kind=kind,
            label=roles.get("label"),
            shares=() if shares is None else (shares,),
            values=roles.get("values"),
            classes=tuple(settings["classes"]),
        ),
        columns=tuple(columns),
    )
