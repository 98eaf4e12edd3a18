"""The Open Inference Protocol over gRPC, with typed tensors as MLServer's clients send them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import grpc
import numpy as np

from benchmarks.peers import typed
from benchmarks.peers.answers import Question, Said
from benchmarks.peers.dialects import Dialect, Numbers, second
from benchmarks.peers.model import COLUMNS, NUMBERS, Rows

HEADERS = ("content-type: application/grpc", "te: trailers")
MODEL = "census"
TIMEOUT_S = 60.0
OK, FAILED = 200, 500


def framed(body: bytes) -> bytes:
    """A message as it stands in the body of a request: not compressed, its length before it."""
    return struct.pack(">BI", 0, len(body)) + body


def ask(port: int, questions: Sequence[Question]) -> list[Said]:
    """Send questions one after the other over one connection; a failed call has status 500.

    Raises:
        OSError: nobody listens, or the connection broke.
    """
    said: list[Said] = []
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        infer: Any = channel.unary_unary(typed.PATH)
        for question in questions:
            try:
                said.append(Said(OK, 0, infer(question.body, timeout=TIMEOUT_S)))
            except grpc.RpcError as error:
                if error.code() is grpc.StatusCode.UNAVAILABLE:
                    raise ConnectionError(error.details()) from error
                said.append(Said(FAILED, 0, str(error.details()).encode()))
    return said


def _encode(rows: Rows) -> bytes:
    request: Any = typed.REQUEST(model_name=MODEL)
    request.parameters["content_type"].string_param = "pd"
    for name in COLUMNS:
        numeric = name in NUMBERS
        datatype = "FP64" if numeric else "BYTES"
        tensor = request.inputs.add(name=name, datatype=datatype, shape=[len(rows), 1])
        if numeric:
            tensor.contents.fp64_contents.extend(float(row[name]) for row in rows)
        else:
            tensor.parameters["content_type"].string_param = "str"
            tensor.contents.bytes_contents.extend(row[name].encode() for row in rows)
    request.outputs.add(name="predict_proba")
    body: bytes = request.SerializeToString()
    return body


def _decode(body: bytes) -> Numbers:
    answer: Any = typed.RESPONSE.FromString(body)
    contents = answer.outputs[0].contents
    return second(np.asarray(contents.fp64_contents or contents.fp32_contents))


TYPED = Dialect(typed.PATH, _encode, _decode)
