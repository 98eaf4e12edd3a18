"""No body, however it is made, holds up the event loop, or costs more than its size explains.

Times are those of this process on its processors, since machines are shared, and the best of
several: while a reader holds Python's lock they go on, and while another process runs they stop.
"""

import asyncio
import gzip
import io
import time
from concurrent.futures import ThreadPoolExecutor

import orjson
import pyarrow as pa
import pytest

from serve_app.core.offload import Offload
from serve_app.gateway.app import build
from serve_app.gateway.bodies import zstd
from serve_app.gateway.context import Settings
from serve_app.gateway.middleware import Edge
from tests.golden.gateway import Gateway

LIMIT_BYTES = 8 * 1024 * 1024
LONGEST_STALL_S = 0.05
TRIES = 6
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
PARTS = {"content-type": "multipart/form-data; boundary=b"}
CSV = {"content-type": "text/csv"}
NATIVE, V2 = "/v1/models/mixed:predict", "/v2/models/mixed/infer"
SELDON, MLFLOW, TORCHSERVE = "/api/v1.0/predictions", "/invocations", "/predictions/mixed"
QUERY = b'{"query":"query($r:[MixedRow!]!){predict{mixed(rows:$r){predictions}}}","variables":'


def filled(unit, size, separator=b","):
    return separator.join([unit] * (size // (len(unit) + len(separator))))


def numbered(form, size):
    return b",".join(form % i for i in range(size // (len(form) + 5)))


def packed(pack, content):
    return lambda size: pack(content) * (size // len(pack(content)))


def empty_batches(size):
    batch = pa.record_batch({"age": pa.array([], pa.int64())})
    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, batch.schema) as writer:
        for _ in range(size // 200):
            writer.write_batch(batch)
    return stream.getvalue()


def bytes_tensor(size):
    rows = size // 4 - 100
    said = {"name": "place", "shape": [rows], "datatype": "BYTES"}
    head = orjson.dumps({"inputs": [{**said, "parameters": {"binary_data_size": rows * 4}}]})
    return head.ljust(200) + bytes(rows * 4)


BODIES = {
    "empty members of zstd": (
        NATIVE, packed(zstd.compress, b""), {**JSON, "content-encoding": "zstd"}),
    "empty members of gzip": (
        NATIVE, packed(gzip.compress, b""), {**JSON, "content-encoding": "gzip"}),
    "wrong strings, compressed": (
        NATIVE,
        lambda size: gzip.compress(b'{"instances":[' + filled(
            b'{"age":"x","dose":"y","place":1,"smoker":"z"}', min(size, 450_000)) + b"]}"),
        {**JSON, "content-encoding": "gzip"}),
    "rows that are empty lists": (NATIVE, lambda n: b'{"instances":[' + filled(b"[]", n), JSON),
    "rows that are numbers": (
        NATIVE, lambda n: b'{"instances":[' + filled(b"0", n) + b"]}", JSON),
    "one list in another": (NATIVE, lambda n: b"[" * n, JSON),
    "names of one object": (
        NATIVE, lambda n: b"{" + numbered(b'"%x":0', n) + b"}", JSON),
    "names of one row": (
        NATIVE, lambda n: b'{"instances":[{' + numbered(b'"%x":0', n) + b"}]}", JSON),
    "digits of one number": (
        NATIVE, lambda n: b'{"instances":[[' + b"1" * n + b',0,"a",true]]}', JSON),
    "letters of one text": (
        NATIVE, lambda n: b'{"instances":[[1,0,"' + b"a" * n + b'",true]]}', JSON),
    "tokens that are no numbers": (
        MLFLOW, lambda n: b'{"inputs":[' + filled(b"[NaN,NaN,NaN,NaN]", n) + b"]}", JSON),
    "one column": (
        NATIVE, lambda n: b'{"inputs":{"age":[' + filled(b"0", n) + b"]}}", JSON),
    "very many tensors": (
        V2,
        lambda n: b'{"inputs":[' + numbered(
            b'{"name":"i%d","shape":[1],"datatype":"INT64","data":[1]}', n) + b"]}",
        JSON),
    "empty texts of one tensor": (
        V2,
        lambda n: b'{"inputs":[{"name":"place","shape":[%d],"datatype":"BYTES","data":[%b]}]}'
        % (n // 3, filled(b'""', n)),
        JSON),
    "empty texts as bytes": (V2, bytes_tensor, {"inference-header-content-length": "200"}),
    "very many outputs": (
        V2,
        lambda n: b'{"inputs":[{"name":"age","shape":[1],"datatype":"INT64","data":[1]}],'
        b'"outputs":[' + numbered(b'{"name":"o%d"}', n) + b"]}",
        JSON),
    "percent signs": (TORCHSERVE, lambda n: b"data=" + b"%41" * (n // 3), FORM),
    "fields of a form": (TORCHSERVE, lambda n: filled(b"a=1", n, b"&"), FORM),
    "parts of a form": (
        TORCHSERVE,
        lambda n: b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * (n // 56)
        + b"--b--",
        PARTS),
    "heads of a part": (
        TORCHSERVE, lambda n: b"--b\r\n" + b"A: b\r\n" * (n // 6) + b"\r\n1\r\n--b--", PARTS),
    "cells of a line": (MLFLOW, lambda n: b"," * n, CSV),
    "lines of a cell": (MLFLOW, lambda n: b"1\n" * (n // 2), CSV),
    "empty lines": (MLFLOW, lambda n: b"\n" * n, {"content-type": "text/libsvm"}),
    "pairs of a line": (MLFLOW, lambda n: b"1:1 " * (n // 4), {"content-type": "text/libsvm"}),
    "lines of JSON": (
        MLFLOW, lambda n: b"[1]\n" * (n // 4), {"content-type": "application/jsonlines"}),
    "names of columns": (
        SELDON,
        lambda n: b'{"data":{"names":[' + numbered(b'"%x"', n) + b'],"ndarray":[[1]]}}',
        JSON),
    "rows that are empty objects": (
        "/v1/endpoints/1/deployedModels/1:predict",
        lambda n: b'{"instances":[' + filled(b"{}", n) + b"]}", JSON),
    "names of a variable": (
        "/graphql", lambda n: QUERY + b'{"r":[{' + numbered(b'"%x":0', n) + b"}]}}", JSON),
    "rows of a variable": (
        "/graphql",
        lambda n: QUERY + b'{"r":[' + filled(
            b'{"age":1,"dose":0.5,"place":"a","smoker":true}', min(n, 400_000)) + b"]}}",
        JSON),
    "empty batches": (
        NATIVE, empty_batches, {"content-type": "application/vnd.apache.arrow.stream"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def app():
    gateway = Gateway()
    with ThreadPoolExecutor(1) as executor:
        gateway.predictor.offload = Offload(executor)
        settings = Settings(LIMIT_BYTES, 10_000, default_endpoint="mixed")
        yield Edge(build(gateway.predictor, settings))


class Ticking:
    """Measures the longest time in which an event loop does not come round."""

    def __init__(self):
        self.longest_s = 0.0

    async def __aenter__(self):
        self._task = asyncio.create_task(self._tick())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_):
        await asyncio.sleep(0.002)
        self._task.cancel()

    async def _tick(self):
        before = time.process_time()
        while True:
            await asyncio.sleep(0.001)
            now = time.process_time()
            self.longest_s = max(self.longest_s, now - before)
            before = now


async def answered(app, path, body, headers):
    """The status of the answer, the seconds that it took, and the loop's longest stall."""
    received = iter([{"type": "http.request", "body": body, "more_body": False}])
    said = []

    async def receive():
        return next(received, {"type": "http.disconnect"})

    async def send(message):
        said.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    async with Ticking() as ticking:
        started = time.process_time()
        await app(scope, receive, send)
        took_s = time.process_time() - started
    return said[0]["status"], took_s, ticking.longest_s


@pytest.mark.parametrize("name", BODIES)
def test_bodies_cost_what_their_size_explains_and_stall_nobody(name, app):
    path, made, headers = BODIES[name]
    small, large = made(LIMIT_BYTES // 8), made(LIMIT_BYTES - 1000)
    assert len(large) <= LIMIT_BYTES
    ratio = len(large) / len(small)
    attempts = []
    for _ in range(TRIES):
        _, small_s, _ = asyncio.run(answered(app, path, small, headers))
        status, large_s, stall_s = asyncio.run(answered(app, path, large, headers))
        assert status < 500
        attempts.append((small_s, large_s, stall_s))
        least_small, least_large, least_stall = (min(each) for each in zip(*attempts, strict=True))
        # 20 ms and twice as much as the size explains are for noise.
        if least_stall < LONGEST_STALL_S and least_large < 0.02 + 2 * ratio * least_small:
            return
    pytest.fail(f"seconds (an eighth of it, all of it, the loop stood still): {attempts}")
