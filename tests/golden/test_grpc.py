"""The Open Inference Protocol over gRPC with every table, typed and raw."""

import asyncio

import grpc
import pytest
from google.protobuf import json_format

from serve_app.protocols.oip.messages import message
from tests.golden.gateway import Gateway, predicted
from tests.golden.goldens import plain
from tests.golden.tables import ACCEPTED, REFUSED, TABLES
from tests.golden.writers import Unsayable, packed, tensors

FIELDS = {
    "BOOL": "bool_contents",
    "INT64": "int64_contents",
    "UINT64": "uint64_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


class Refused(Exception):
    """What a call was aborted with."""


class Context:
    """A call as the service sees it."""

    def invocation_metadata(self):
        return (("x-request-id", "r-1"),)

    def time_remaining(self):
        return None

    async def abort(self, code, said):
        raise Refused(code, said)


@pytest.fixture(scope="module")
def gateway():
    return Gateway()


def request_of(table, raw):
    request = message("ModelInferRequest")(model_name="mixed", id="q")
    for one in tensors(table):
        tensor = request.inputs.add(name=one["name"], datatype=one["datatype"], shape=one["shape"])
        if raw:
            request.raw_input_contents.append(packed(one))
            continue
        values = one["data"]
        if one["datatype"] == "BYTES":
            values = [str(value).encode() for value in values]
        try:
            getattr(tensor.contents, FIELDS[one["datatype"]]).extend(values)
        except (TypeError, ValueError) as error:
            raise Unsayable(str(error)) from None
    return request


def texts(content):
    found = []
    while content:
        size = int.from_bytes(content[:4], "little")
        found.append(content[4 : 4 + size].decode())
        content = content[4 + size :]
    return found


@pytest.mark.parametrize("raw", [False, True], ids=["typed", "raw"])
@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_answered_or_refused(gateway, goldens, name, raw):
    table = TABLES[name]
    try:
        request = request_of(table, raw)
    except Unsayable as why:
        pytest.skip(str(why))
    gateway.predictor.payload = None
    refusal, answer = None, None
    try:
        call = gateway.service._guarded(gateway.service._infer)
        answer = asyncio.run(call(request, Context()))
    except Refused as refused:
        code, said = refused.args
        refusal = {"code": code.name, "message": said}
    payload = gateway.predictor.payload
    small = table.rows <= 100
    as_json = json_format.MessageToDict
    record = {
        "request": as_json(request) if small else None,
        "columns": plain(payload.columns) if small and payload is not None else None,
        "response": refusal or (as_json(answer) if small else None),
    }
    goldens.check("oip_grpc", "raw" if raw else "typed", name, record)
    assert (refusal is not None) == (table.expected == REFUSED), refusal
    if refusal is not None:
        # gRPC itself says so of messages that are too large.
        codes = grpc.StatusCode
        wanted = codes.RESOURCE_EXHAUSTED if table.rows > 10_000 else codes.INVALID_ARGUMENT
        assert refusal["code"] == wanted.name
    if table.expected == ACCEPTED:
        assert [output.name for output in answer.outputs] == ["predict", "predict_proba"]
        typed = [text.decode() for text in answer.outputs[0].contents.bytes_contents]
        said = texts(answer.raw_output_contents[0]) if raw else typed
        assert said == predicted(table)
