"""The outputs of an Open Inference answer: what is asked for, and how it is written.

Floats are answered as FP64 and integers as INT64 whichever variant computed them, so that the
answer is what the metadata says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from serve_app.core.columns import Array
from serve_app.core.messages import PREDICT, PREDICT_PROBA, RAW_SCORES, Method, Prediction
from serve_app.core.signature import Column, Output, Signature
from serve_app.core.violations import told
from serve_app.errors import BadEncoding, InvalidInput
from serve_app.protocols import methods
from serve_app.protocols.bodies import json_body, several_targets
from serve_app.protocols.oip import binary
from serve_app.protocols.oip import graph as oip_graph

_OUTPUTS: Mapping[str, Method] = {"output-0": PREDICT, **methods.METHODS}
"""The outputs by name; KServe's scikit-learn server calls its only one `output-0`."""
_PART = f"{PREDICT_PROBA}_"
"""Before the name of a target: the probabilities of its classes."""
_DATATYPES = {"float32": "FP32", "float64": "FP64"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """An output that a request names.

    `as_bytes` follow the JSON (None: as the request says of all); `classes` above 0 asks for so
    many of the likeliest classes as text instead of the numbers.
    """

    name: str
    as_bytes: bool | None = None
    classes: int = 0


@dataclass(frozen=True, slots=True)
class Form:
    """How a request wants its answer.

    `wanted` is empty where it wants all outputs; raw scores are given to who names them. `own`
    describes outputs that a graph has under names of its own.
    """

    wanted: tuple[Wanted, ...] = ()
    as_bytes: bool = False
    own: Output | None = None

    @property
    def method(self) -> Method:
        """What the model is asked for: raw scores are computed where an output is one of them."""
        if not self.wanted:
            return PREDICT
        scored = any(_OUTPUTS.get(one.name) == RAW_SCORES for one in self.wanted)
        return RAW_SCORES if scored else PREDICT


_MAX_OUTPUTS = 1000
_USUAL = Form()


def form(document: Mapping[str, Any], own: Output | None = None) -> Form:
    """What a request says of its outputs; `own` are those of a graph.

    Raises:
        BadEncoding: it says it in another way than the protocol.
        InvalidInput: it asks for an output that no endpoint has.
    """
    asked = document.get("outputs")
    if asked is None and document.get("parameters") is None:
        return _USUAL if own is None else Form(own=own)
    asked = [] if asked is None else asked
    if not isinstance(asked, list) or not all(isinstance(output, dict) for output in asked):
        raise BadEncoding("'outputs' must be a list of objects with a 'name'", key="outputs")
    if len(asked) > _MAX_OUTPUTS:
        msg = f"'outputs' asks for {len(asked)}, above the limit of {_MAX_OUTPUTS}"
        raise BadEncoding(msg, key="outputs")
    wanted = tuple(_wanted(output, own) for output in asked)
    if len({one.name for one in wanted}) < len(wanted):
        raise BadEncoding(_twice(wanted), key="outputs")
    parameters = json_body.members(document, "parameters")
    return Form(wanted, _flag(parameters, "binary_data_output") or False, own)


def _twice(wanted: Sequence[Wanted]) -> str:
    counts = Counter(one.name for one in wanted)
    twice = next(name for name, count in counts.items() if count > 1)
    return f"output {twice!r} already exists in request: 'outputs' may name each once"


def in_one_form(form: Form) -> Form:
    """The same outputs, all of them as bytes or none, as the request says of all."""
    wanted = tuple(replace(one, as_bytes=None) for one in form.wanted)
    return replace(form, wanted=wanted)


def written(
    prediction: Prediction, labels: Sequence[Any], form: Form, output: Output | None = None
) -> tuple[list[dict[str, Any]], list[bytes]]:
    """The outputs as JSON values, and the bytes that follow the JSON.

    `output` is the endpoint's where it says something of several targets. The probabilities of
    their classes are an output for each target, `predict_proba_<target>`, and `predict_proba`
    names them all. A graph's own outputs stand under its own names.

    Raises:
        InvalidInput: an output is asked for that this endpoint does not have.
    """
    given = _given(prediction)
    own = {} if form.own is None else oip_graph.held(prediction, form.own)
    wanted = form.wanted or tuple(Wanted(name) for name in own or given)
    labels_of: Mapping[str, Sequence[Any]] = {}
    if output is not None:
        given, labels_of = _of_targets(given, output)
        wanted = _by_target(wanted, labels_of)
    behind: list[bytes] = []
    outputs = []
    for one in wanted:
        column, values = own.get(one.name) or (None, given.get(_OUTPUTS.get(one.name, one.name)))
        if values is None:
            known = [*own, *given]
            msg = f"this endpoint has no output {told(one.name)}; it has {', '.join(known)}"
            raise InvalidInput(msg, known=known)
        if one.classes:
            named = labels_of.get(one.name, labels)
            column, values = None, _likeliest(values, named, one.classes)
        as_bytes = form.as_bytes if one.as_bytes is None else one.as_bytes
        told_as = behind if as_bytes else None
        if column is None:
            outputs.append(_output(one.name, values, told_as))
        else:
            outputs.append(_of_graph(column, values, told_as))
    return outputs, behind


def _given(prediction: Prediction) -> dict[str, Array]:
    """The outputs under the names of ours."""
    given: dict[str, Array] = {} if prediction.only_tensors else {PREDICT: prediction.values}
    if prediction.probabilities is not None:
        given[PREDICT_PROBA] = prediction.probabilities
    if prediction.scores is not None:
        given[RAW_SCORES] = prediction.scores
    return given


def _of_targets(
    given: Mapping[str, Array], output: Output
) -> tuple[dict[str, Array], dict[str, Sequence[Any]]]:
    """The outputs of several targets, and what their columns are called, by output."""
    found = dict(given)
    if found[PREDICT].dtype == object and _datatype_of_targets(output) == "BYTES":
        # A tensor is of one datatype: of words and numbers all are text.
        found[PREDICT] = np.array([str(v) for v in found[PREDICT].flat], dtype=object).reshape(
            found[PREDICT].shape
        )
    named: Sequence[Any] = several_targets.names(output)
    if not several_targets.is_split(output):
        return found, dict.fromkeys(found, named)
    shares = found.pop(PREDICT_PROBA, None)
    if shares is None:
        return found, {}
    by_target = several_targets.parts(shares, output)
    found.update({_PART + target: part for target, part in by_target.items()})
    return found, {_PART + target.name: target.labels for target in output.targets}


def _by_target(wanted: Sequence[Wanted], parts: Mapping[str, Sequence[Any]]) -> tuple[Wanted, ...]:
    """The same outputs with those of each target in place of the probabilities of all."""
    names = [name for name in parts if name.startswith(_PART)]
    if not names:
        return tuple(wanted)
    found = [
        [replace(one, name=name) for name in names] if one.name == PREDICT_PROBA else [one]
        for one in wanted
    ]
    return tuple(dict.fromkeys(one for some in found for one in some))


def names(output: Output) -> list[str]:
    """The outputs that a request may name."""
    own = [column.name for column in output.columns]
    if output.kind == "tensors":
        return own
    given = methods.given(output)
    parts = _parts(output) if output.probabilities and several_targets.is_split(output) else {}
    return [*own, *(name for name, method in _OUTPUTS.items() if method in given), *parts]


def _parts(output: Output) -> dict[str, int]:
    return {_PART + target.name: len(target.labels) for target in output.targets}


def metadata(endpoint: str, signature: Signature, versions: Sequence[str]) -> dict[str, Any]:
    """What an endpoint takes and gives, as the protocol describes models."""
    return {
        "name": endpoint,
        "versions": list(versions),
        "platform": "serve-app",
        "inputs": [_tensor(column) for column in signature.tensors or signature.inputs],
        "outputs": _described(signature.output),
    }


def _tensor(column: Column) -> dict[str, Any]:
    """A column, or an input or output of a graph, as metadata tell of it."""
    sizes = [-1 if size is None else size for size in column.shape]
    return {"name": column.name, "datatype": datatype(column), "shape": [-1, *sizes]}


def datatype(column: Column) -> str:
    """What the protocol calls the dtype of a column; dates and decimals are text to it."""
    if not column.is_numeric:
        return "BYTES"
    return _DATATYPES.get(column.dtype, column.dtype.upper())


def _wanted(output: Mapping[str, Any], own: Output | None) -> Wanted:
    name = output.get("name")
    columns = [] if own is None else [column.name for column in own.columns]
    known = isinstance(name, str) and (name in _OUTPUTS or name.startswith(_PART))
    if not isinstance(name, str) or not (known or name in columns):
        if columns:
            msg = f"there is no output {told(name)}; the graph gives {', '.join(columns)}"
            raise InvalidInput(msg, known=columns)
        msg = (
            f"there is no output {told(name)}; endpoints give {PREDICT} and, where their "
            f"models know them, {PREDICT_PROBA} and {RAW_SCORES}"
        )
        raise InvalidInput(msg, known=[PREDICT, PREDICT_PROBA, RAW_SCORES])
    parameters = json_body.members(output, "parameters")
    classes = parameters.get("classification", 0)
    if type(classes) is not int or classes < 0:
        msg = f"output {name!r}: 'classification' must be a number of classes, got {told(classes)}"
        raise BadEncoding(msg, output=name)
    return Wanted(name, _flag(parameters, "binary_data"), classes)


def _flag(parameters: Mapping[str, Any], name: str) -> bool | None:
    found = parameters.get(name)
    if found is not None and not isinstance(found, bool):
        raise BadEncoding(f"{name!r} must be true or false, got {told(found)}", key=name)
    return found


def _likeliest(values: Array, labels: Sequence[Any], count: int) -> Array:
    """`value:index:label` of the highest values of each row, the highest first."""
    rows = values if values.ndim == 2 else values[:, np.newaxis]
    if rows.dtype.kind not in "iuf":
        raise InvalidInput("'classification' orders numbers, and this output has none")
    order = np.argsort(-rows, axis=1, kind="stable")[:, :count]
    named = len(labels) == rows.shape[1]
    texts = [
        [f"{rows[row, at]:f}:{at}" + (f":{labels[at]}" if named else "") for at in places]
        for row, places in enumerate(order.tolist())
    ]
    return np.array(texts, dtype=object).reshape(order.shape)


def _output(name: str, values: Array, behind: list[bytes] | None) -> dict[str, Any]:
    shape = list(values.shape)
    if behind is not None:
        datatype, content = binary.write(_plain_labels(values))
        behind.append(content)
        size = {"binary_data_size": len(content)}
        return {"name": name, "shape": shape, "datatype": datatype, "parameters": size}
    flat = values.reshape(-1)
    data = json_body.plain(flat)
    return {"name": name, "shape": shape, "datatype": _datatype(flat), "data": data}


def _of_graph(column: Column, values: Array, behind: list[bytes] | None) -> dict[str, Any]:
    """An output of a graph in the datatype that it has there."""
    shape = list(values.shape)
    said = {"name": column.name, "shape": shape, "datatype": datatype(column)}
    if behind is not None:
        content = binary.write_as(values, column.dtype)
        behind.append(content)
        return {**said, "parameters": {"binary_data_size": len(content)}}
    typed = values if column.dtype == "string" else values.astype(column.dtype, copy=False)
    return {**said, "data": json_body.plain(typed.reshape(-1))}


def _plain_labels(values: Array) -> Array:
    """Labels of one kind as an array of that kind; text and mixed ones stay objects."""
    if values.dtype.kind not in "OUS":
        return values
    dtype = {"BOOL": np.bool_, "INT64": np.int64, "FP64": np.float64}.get(_datatype(values))
    return values if dtype is None else values.astype(dtype)


def _datatype(values: Array) -> str:
    kind = values.dtype.kind
    if kind in "OUS":
        return _datatype_of_labels(values.reshape(-1).tolist())
    return {"b": "BOOL", "i": "INT64", "u": "INT64"}.get(kind, "FP64")


def _datatype_of_labels(labels: Sequence[Any]) -> str:
    kinds = {type(label) for label in labels}
    for kind, name in ((bool, "BOOL"), (int, "INT64"), (float, "FP64")):
        if kinds == {kind}:
            return name
    return "BYTES"


def _described(output: Output) -> list[dict[str, Any]]:
    if output.columns and output.kind != "transform":
        return [_tensor(column) for column in output.columns]
    shape = [-1] if output.width == 1 else [-1, output.width]
    classifies = output.kind == "classification"
    predicted = _datatype_of_labels(output.labels) if classifies else "FP64"
    if output.targets:
        predicted = _datatype_of_targets(output)
    described = [{"name": PREDICT, "datatype": predicted, "shape": shape}]
    if output.probabilities:
        sizes = (
            _parts(output) if several_targets.is_split(output) else {PREDICT_PROBA: output.shares}
        )
        described += [
            {"name": name, "datatype": "FP64", "shape": [-1, size]} for name, size in sizes.items()
        ]
    return described


def _datatype_of_targets(output: Output) -> str:
    return _datatype_of_labels(several_targets.all_labels(output))
