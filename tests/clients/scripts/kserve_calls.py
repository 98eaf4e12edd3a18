"""KServe's Python client, in the environment of the clients."""

import asyncio

import numpy as np
import pandas as pd
from answering import answer_calls
from kserve import (
    InferenceGRPCClient,
    InferenceRESTClient,
    InferInput,
    InferRequest,
    RESTConfig,
)
from kserve.protocol.infer_type import RequestedOutput


def call(place, transport, method, *arguments, **named):
    """What a method of the client gives: `transport` is grpc, or REST's protocol v1 or v2."""

    async def asked():
        if transport == "grpc":
            async with InferenceGRPCClient(place, retries=0) as client:
                return await getattr(client, method)(*arguments, **named)
        config = RESTConfig(protocol=transport, retries=0)
        async with InferenceRESTClient(config) as client:
            return await getattr(client, method)(f"http://{place}", *arguments, **named)

    return asyncio.run(asked())


def predict(place, model, body):
    """A body of protocol v1."""
    return call(place, "v1", "infer", body, model_name=model)


def infer(place, transport, model, columns, form="binary", outputs=()):
    """Tensors of a DataFrame's columns, or one tensor of its matrix."""
    frame = pd.DataFrame(columns, dtype="float64")
    parts = {name: frame[name].to_numpy() for name in frame}
    if form == "matrix":
        parts = {"input-0": np.ascontiguousarray(frame.to_numpy())}
    tensors = []
    for name, array in parts.items():
        tensor = InferInput(name, list(array.shape), "FP64")
        tensor.set_data_from_numpy(array, binary_data=form == "binary")
        tensors.append(tensor)
    request = InferRequest(
        model,
        tensors,
        request_id="call-1",
        parameters={"content_type": "pd"} if form == "frame" else None,
        request_outputs=[RequestedOutput(name) for name in outputs] or None,
    )
    if transport == "grpc":
        answer = call(place, transport, "infer", request)
    else:
        answer = call(place, transport, "infer", request, model_name=model)
    return {
        "model": answer.model_name,
        "id": answer.id,
        "outputs": {output.name: _values(output) for output in answer.outputs},
    }


def _values(output):
    """The values of an output; what comes as bytes is text."""
    values = output.as_numpy().tolist()
    return [value.decode() if isinstance(value, bytes) else value for value in values]


if __name__ == "__main__":
    answer_calls({"call": call, "predict": predict, "infer": infer})
