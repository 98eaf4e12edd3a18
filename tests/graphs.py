"""The graphs of Triton's examples, which ask by a graph's own names, and endpoints of them."""

import itertools

from onnx import TensorProto, helper

from serve_app.config import ControlSettings
from serve_app.control.declare import declare
from serve_app.core.snapshot import Snapshot
from serve_app.engine.assemble import Assembler
from serve_app.engine.load import load
from serve_app.engine.predict import Predictor
from serve_app.engine.registration.register import Candidate, register
from serve_app.models.frames import empty_frame
from serve_app.models.onnx_graph import read_graph
from serve_app.registry.store import Registry


def made(nodes, inputs, outputs):
    """A graph of nodes, whose inputs and outputs are names with types and shapes."""
    ends = [
        [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in some]
        for some in (inputs, outputs)
    ]
    graph = helper.make_graph(nodes, "made", *ends)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


def simple(rows=1):
    """A sum and a difference."""
    return made(
        [
            helper.make_node("Add", ["INPUT0", "INPUT1"], ["OUTPUT0"]),
            helper.make_node("Sub", ["INPUT0", "INPUT1"], ["OUTPUT1"]),
        ],
        [(f"INPUT{j}", TensorProto.INT32, [rows, 16]) for j in (0, 1)],
        [(f"OUTPUT{j}", TensorProto.INT32, [rows, 16]) for j in (0, 1)],
    )


def simple_of(kind):
    """The same, of numbers in another type, or in text."""
    nodes = [
        helper.make_node("Cast", [f"INPUT{j}"], [f"n{j}"], to=TensorProto.INT32) for j in (0, 1)
    ]
    nodes += [helper.make_node("Add", ["n0", "n1"], ["sum"])]
    nodes += [helper.make_node("Sub", ["n0", "n1"], ["less"])]
    nodes += [helper.make_node("Cast", ["sum"], ["OUTPUT0"], to=kind)]
    nodes += [helper.make_node("Cast", ["less"], ["OUTPUT1"], to=kind)]
    return made(
        nodes,
        [(f"INPUT{j}", kind, [None, 16]) for j in (0, 1)],
        [(f"OUTPUT{j}", kind, [None, 16]) for j in (0, 1)],
    )


def identity(kind, shape, inputs=1):
    """What comes in goes out."""
    names = range(inputs)
    return made(
        [helper.make_node("Identity", [f"INPUT{j}"], [f"OUTPUT{j}"]) for j in names],
        [(f"INPUT{j}", kind, shape) for j in names],
        [(f"OUTPUT{j}", kind, shape) for j in names],
    )


def predictor_of(graphs, models, registry):
    """A predictor with an endpoint for each graph, by name; `models` makes one of what is loaded.

    `graphs` are their bytes, each with the frame of its columns where there is one.
    """
    store = Registry(registry)
    loaded = {}
    for name, (content, frame) in graphs.items():
        graph = read_graph(content)
        register(
            store, Candidate(name, graph, empty_frame(graph.columns) if frame is None else frame)
        )
        loaded[f"{name}@1"] = load(store, name, 1).model
    numbers = itertools.count(1)
    predictor = Predictor(clock=lambda: 0.0, ids=lambda: f"id-{next(numbers)}")
    endpoints = {name: {"route": {"kind": "single", "model": f"{name}@1"}} for name in graphs}
    if "simple_string" in graphs:
        endpoints["cached"] = {
            "route": {"kind": "single", "model": "simple_string@1"},
            "cache": {"rows": 9, "ttl_s": 9},
        }
    declared = declare(ControlSettings.model_validate({"endpoints": endpoints}), store.manifest)
    local = models(loaded, clock=lambda: 0.0)
    assembler = Assembler(replicas=local, inline=local, clock=lambda: 0.0)
    predictor.swap(assembler.stages(Snapshot(1, "hash", declared.checked())))
    return predictor, local
