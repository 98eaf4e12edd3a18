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

from serve_app import tasks
from serve_app.core.columns import Array
from serve_app.core.messages import PREDICT, PREDICT_PROBA, Prediction
from serve_app.core.signature import Column, Output, Signature
from serve_app.core.violations import value_text
from serve_app.errors import BadEncoding, InvalidInput
from serve_app.protocols import methods
from serve_app.protocols.bodies import json_body, several_targets
from serve_app.protocols.oip import binary, datatypes
from serve_app.protocols.oip import graph as oip_graph
from serve_app.tasks.predict import Predict

_ONLY_OUTPUT = "output-0"
"""What KServe's scikit-learn server calls its only output."""
_PREDICTED = frozenset(method.name for method in Predict.methods)
_PART = f"{PREDICT_PROBA}_"
"""Before the name of a target: the probabilities of its classes."""


@dataclass(frozen=True, slots=True)
class RequestedOutput:
    """An output that a request names.

    `as_bytes` follow the JSON (None: as the request says of all); `classes` above 0 asks for so
    many of the likeliest classes as text instead of the numbers.
    """

    name: str
    as_bytes: bool | None = None
    classes: int = 0


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """How a request wants its answer.

    `wanted` is empty where it wants all outputs; those of other tasks than predicting are given
    to who names them. `own` describes outputs that a graph has under names of its own.
    """

    wanted: tuple[RequestedOutput, ...] = ()
    as_bytes: bool = False
    own: Output | None = None

    @property
    def method(self) -> str:
        """What the model is asked for: that of the one output that predicting does not give."""
        if not self.wanted:
            return PREDICT
        return next(iter(_beyond_predicting(self.wanted)), PREDICT)


_MAX_OUTPUTS = 1000
_USUAL = AnswerForm()


def form(document: Mapping[str, Any], own: Output | None = None) -> AnswerForm:
    """What a request says of its outputs; `own` are those of a graph.

    Raises:
        BadEncoding: it says it in another way than the protocol.
        InvalidInput: it asks for an output that no endpoint has.
    """
    outputs = document.get("outputs")
    if outputs is None and document.get("parameters") is None:
        return _USUAL if own is None else AnswerForm(own=own)
    outputs = [] if outputs is None else outputs
    if not isinstance(outputs, list) or not all(isinstance(output, dict) for output in outputs):
        raise BadEncoding("'outputs' must be a list of objects with a 'name'", key="outputs")
    if len(outputs) > _MAX_OUTPUTS:
        msg = f"'outputs' asks for {len(outputs)}, above the limit of {_MAX_OUTPUTS}"
        raise BadEncoding(msg, key="outputs")
    wanted = tuple(_wanted(output, own) for output in outputs)
    if len({one.name for one in wanted}) < len(wanted):
        raise BadEncoding(_twice(wanted), key="outputs")
    several = _beyond_predicting(wanted)
    if len(several) > 1:
        msg = f"{' and '.join(several)} are computed apart: ask for each in a request of its own"
        raise InvalidInput(msg, outputs=several)
    parameters = json_body.members(document, "parameters")
    return AnswerForm(wanted, _flag(parameters, "binary_data_output") or False, own)


def _own_name(output: str) -> str:
    """The name of an output, whatever a request calls it."""
    if output == _ONLY_OUTPUT:
        return PREDICT
    method = tasks.methods().get(output)
    return output if method is None else method.name


def _beyond_predicting(wanted: Sequence[RequestedOutput]) -> list[str]:
    """The methods of other tasks than predicting that some outputs are of."""
    methods_of_all = tasks.methods()
    names = dict.fromkeys(_own_name(one.name) for one in wanted)
    return [name for name in names if name in methods_of_all and name not in _PREDICTED]


def _twice(wanted: Sequence[RequestedOutput]) -> str:
    counts = Counter(one.name for one in wanted)
    twice = next(name for name, count in counts.items() if count > 1)
    return f"output {twice!r} already exists in request: 'outputs' may name each once"


def in_one_form(form: AnswerForm) -> AnswerForm:
    """The same outputs, all of them as bytes or none, as the request says of all."""
    wanted = tuple(replace(one, as_bytes=None) for one in form.wanted)
    return replace(form, wanted=wanted)


def written(
    prediction: Prediction, labels: Sequence[Any], form: AnswerForm, output: Output | None = None
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
    wanted = form.wanted or tuple(RequestedOutput(name) for name in own or given)
    labels_of: Mapping[str, Sequence[Any]] = {}
    if output is not None:
        given, labels_of = _of_targets(given, output)
        wanted = _by_target(wanted, labels_of)
    behind: list[bytes] = []
    outputs = []
    for one in wanted:
        column, values = own.get(one.name) or (None, given.get(_own_name(one.name)))
        if values is None:
            known = [*own, *given]
            msg = f"this endpoint has no output {value_text(one.name)}; it has {', '.join(known)}"
            raise InvalidInput(msg, known=known)
        if one.classes:
            named = labels_of.get(one.name, labels)
            column, values = None, _likeliest(values, named, one.classes)
        as_bytes = form.as_bytes if one.as_bytes is None else one.as_bytes
        destination = behind if as_bytes else None
        if column is None:
            outputs.append(_output(one.name, values, destination))
        else:
            outputs.append(_of_graph(column, values, destination))
    return outputs, behind


def _given(prediction: Prediction) -> dict[str, Array]:
    """The outputs under the names of ours."""
    given: dict[str, Array] = {} if prediction.only_tensors else {PREDICT: prediction.values}
    for method in tasks.distinct_methods():
        part = method.part(prediction)
        if method.name != PREDICT and part is not None:
            given[method.name] = part
    return given


def _of_targets(
    given: Mapping[str, Array], output: Output
) -> tuple[dict[str, Array], dict[str, Sequence[Any]]]:
    """The outputs of several targets, and what their columns are called, by output."""
    outputs = dict(given)
    if outputs[PREDICT].dtype == object and datatypes.of_targets(output) == "BYTES":
        # A tensor is of one datatype: of words and numbers all are text.
        outputs[PREDICT] = np.array([str(v) for v in outputs[PREDICT].flat], dtype=object).reshape(
            outputs[PREDICT].shape
        )
    named: Sequence[Any] = several_targets.names(output)
    if not several_targets.is_split(output):
        return outputs, dict.fromkeys(outputs, named)
    shares = outputs.pop(PREDICT_PROBA, None)
    if shares is None:
        return outputs, {}
    by_target = several_targets.parts(shares, output)
    outputs.update({_PART + target: part for target, part in by_target.items()})
    return outputs, {_PART + target.name: target.labels for target in output.targets}


def _by_target(
    wanted: Sequence[RequestedOutput], parts: Mapping[str, Sequence[Any]]
) -> tuple[RequestedOutput, ...]:
    """The same outputs with those of each target in place of the probabilities of all."""
    names = [name for name in parts if name.startswith(_PART)]
    if not names:
        return tuple(wanted)
    groups = [
        [replace(one, name=name) for name in names] if one.name == PREDICT_PROBA else [one]
        for one in wanted
    ]
    return tuple(dict.fromkeys(one for some in groups for one in some))


def names(output: Output) -> list[str]:
    """The outputs that a request may name."""
    own = [column.name for column in output.columns]
    if output.kind == "tensors":
        return own
    parts = _parts(output) if output.probabilities and several_targets.is_split(output) else {}
    given = [name for name, method in tasks.methods().items() if method.is_given(output)]
    return [*own, _ONLY_OUTPUT, *given, *parts]


def _parts(output: Output) -> dict[str, int]:
    return {_PART + target.name: len(target.labels) for target in output.targets}


def metadata(endpoint: str, signature: Signature, versions: Sequence[str]) -> dict[str, Any]:
    """What an endpoint takes and gives, as the protocol describes models."""
    return {
        "name": endpoint,
        "versions": list(versions),
        "platform": "serve-app",
        "inputs": [_tensor(column) for column in signature.tensors or signature.inputs],
        "outputs": _output_tensors(signature.output),
    }


def _tensor(column: Column) -> dict[str, Any]:
    """A column, or an input or output of a graph, as metadata tell of it."""
    sizes = [-1 if size is None else size for size in column.shape]
    return {"name": column.name, "datatype": datatypes.of_column(column), "shape": [-1, *sizes]}


def _wanted(output: Mapping[str, Any], own: Output | None) -> RequestedOutput:
    name = output.get("name")
    columns = [] if own is None else [column.name for column in own.columns]
    known = isinstance(name, str) and (
        name == _ONLY_OUTPUT or name in tasks.methods() or name.startswith(_PART)
    )
    if not isinstance(name, str) or not (known or name in columns):
        if columns:
            msg = f"there is no output {value_text(name)}; the graph gives {', '.join(columns)}"
            raise InvalidInput(msg, known=columns)
        _, *others = names = methods.known()
        msg = (
            f"there is no output {value_text(name)}; endpoints give {PREDICT} and, where their "
            f"models know them, {', '.join(others[:-1])} and {others[-1]}"
        )
        raise InvalidInput(msg, known=names)
    parameters = json_body.members(output, "parameters")
    classes = parameters.get("classification", 0)
    if type(classes) is not int or classes < 0:
        msg = (
            f"output {name!r}: 'classification' must be a number of classes, "
            f"got {value_text(classes)}"
        )
        raise BadEncoding(msg, output=name)
    return RequestedOutput(name, _flag(parameters, "binary_data"), classes)


def _flag(parameters: Mapping[str, Any], name: str) -> bool | None:
    flag = parameters.get(name)
    if flag is not None and not isinstance(flag, bool):
        raise BadEncoding(f"{name!r} must be true or false, got {value_text(flag)}", key=name)
    return flag


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
        datatype, content = binary.write(datatypes.plain_labels(values))
        behind.append(content)
        size = {"binary_data_size": len(content)}
        return {"name": name, "shape": shape, "datatype": datatype, "parameters": size}
    flat = values.reshape(-1)
    data = json_body.plain(flat)
    return {"name": name, "shape": shape, "datatype": datatypes.of_values(flat), "data": data}


def _of_graph(column: Column, values: Array, behind: list[bytes] | None) -> dict[str, Any]:
    """An output of a graph in the datatype that it has there."""
    shape = list(values.shape)
    tensor = {"name": column.name, "shape": shape, "datatype": datatypes.of_column(column)}
    if behind is not None:
        content = binary.write_as(values, column.dtype)
        behind.append(content)
        return {**tensor, "parameters": {"binary_data_size": len(content)}}
    typed = values if column.dtype == "string" else values.astype(column.dtype, copy=False)
    return {**tensor, "data": json_body.plain(typed.reshape(-1))}


def _output_tensors(output: Output) -> list[dict[str, Any]]:
    if output.columns and output.kind != "transform":
        return [_tensor(column) for column in output.columns]
    shape = [-1] if output.width == 1 else [-1, output.width]
    classifies = output.kind == "classification"
    predicted = datatypes.of_labels(output.labels) if classifies else "FP64"
    if output.targets:
        predicted = datatypes.of_targets(output)
    tensors = [{"name": PREDICT, "datatype": predicted, "shape": shape}]
    if output.probabilities:
        sizes = (
            _parts(output) if several_targets.is_split(output) else {PREDICT_PROBA: output.shares}
        )
        tensors += [
            {"name": name, "datatype": "FP64", "shape": [-1, size]} for name, size in sizes.items()
        ]
    return tensors
