"""Messages of gRPC that want memory or time are refused within a second, and others answered."""

import asyncio
import contextlib
import gzip
import socket
import struct
import time

import grpc
import pytest
from grpc_reflection.v1alpha import reflection

from serve_app.gateway import rpc
from serve_app.gateway.access import Gate
from serve_app.gateway.context import Settings
from serve_app.protocols.oip import messages as oip_messages
from serve_app.protocols.oip.messages import message
from tests.ports import free_port
from tests.security.callers import Known
from tests.unit.gateway.harness import client_of

MIB = 2**20
LIMIT_BYTES = 8 * MIB
MANY = 100_000
INFER = f"/{oip_messages.SERVICE}/ModelInfer"
DEADLINE_S = 60
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
REFUSED = {EXHAUSTED, grpc.StatusCode.INVALID_ARGUMENT}


def asking(inputs=("age", "dose"), rows=1):
    request = message("ModelInferRequest")(model_name="age")
    for name in inputs:
        tensor = request.inputs.add(name=name, datatype="FP64", shape=[rows])
        tensor.contents.fp64_contents.extend([2.5] * rows)
    return request


def many_outputs():
    request = asking()
    for n in range(MANY):
        request.outputs.add(name=f"o{n}")
    return request


def many_parameters():
    request = asking()
    for n in range(MANY):
        request.parameters[f"p{n}"].int64_param = n
    return request


def many_dimensions():
    request = asking()
    request.inputs[0].shape.extend([1] * MANY)
    return request


def many_raw():
    request = asking()
    request.raw_input_contents.extend([b"\0"] * MANY)
    return request


@contextlib.asynccontextmanager
async def calling(registry):
    """What calls a method of a real server with bytes, and gives the code and the seconds."""
    gateway = client_of(registry)
    service = rpc.InferenceService(gateway.predictor, Settings(LIMIT_BYTES, 1000), ids=str)
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    server = await rpc.serve(service, address, LIMIT_BYTES)
    options = [("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        infer = channel.unary_unary(INFER)

        async def called(content, compression=None):
            began_s = time.monotonic()
            try:
                await infer(content, timeout=DEADLINE_S, compression=compression)
            except grpc.aio.AioRpcError as error:
                code = error.code()
            else:
                code = grpc.StatusCode.OK
            return code, time.monotonic() - began_s

        try:
            yield called
        finally:
            await server.stop(0)


@pytest.mark.parametrize(
    ("make", "codes"),
    [
        (lambda: bytes(64 * MIB), {EXHAUSTED}),
        (lambda: asking([f"x{n}" for n in range(MANY)]).SerializeToString(), {EXHAUSTED}),
        (lambda: asking(["age"] * MANY).SerializeToString(), {EXHAUSTED}),
        (lambda: asking(rows=MANY).SerializeToString(), {EXHAUSTED}),
        (lambda: many_outputs().SerializeToString(), REFUSED),
        (lambda: many_dimensions().SerializeToString(), REFUSED),
        (lambda: many_raw().SerializeToString(), REFUSED),
        # They say nothing of the rows, and are not looked at one by one.
        (lambda: many_parameters().SerializeToString(), REFUSED | {grpc.StatusCode.OK}),
        # A group that never ends, and one within another, as protobuf writes them.
        (lambda: b"\x0b" * 100_000, set(grpc.StatusCode) - {grpc.StatusCode.OK}),
        (lambda: b"\x2a\xff\xff\xff\xff\x0f" * 1000, set(grpc.StatusCode) - {grpc.StatusCode.OK}),
    ],
    ids=[
        "64 MiB", "many tensors", "one tensor many times", "many rows", "many outputs",
        "many dimensions", "many raw contents", "many parameters", "nested", "lengths that lie",
    ],
)  # fmt: skip
async def test_what_is_too_much_is_refused_at_once(registry, make, codes):
    content, good = make(), asking().SerializeToString()
    async with calling(registry) as called:
        assert (await called(good))[0] == grpc.StatusCode.OK
        spent_s, polite = [], []
        for _ in range(3):
            # The quickest of several: machines are shared.
            (code, took_s), beside = await asyncio.gather(called(content), called(good))
            assert code in codes
            spent_s.append(took_s)
            polite.append(beside[0])
        assert min(spent_s) <= 1.0
        assert polite == [grpc.StatusCode.OK] * 3


async def test_a_bomb_is_not_unpacked(registry):
    # A message of 1 GiB of zeros in 1 MiB, by the compression that gRPC itself speaks.
    packed = gzip.compress(bytes(64 * MIB))
    assert len(packed) < MIB
    async with calling(registry) as called:
        for _ in range(3):
            code, _ = await called(bytes(64 * MIB), grpc.Compression.Gzip)
            assert code == EXHAUSTED
        assert (await called(asking().SerializeToString()))[0] == grpc.StatusCode.OK


def frame(kind, flags, stream, content):
    size = struct.pack(">I", len(content))[1:]
    return size + bytes([kind, flags]) + struct.pack(">I", stream) + content


def field(name, value):
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def watching_without_reading(address, calls):
    """Connections with calls that watch the health, whose client takes no byte of an answer."""
    host, _, port = address.partition(":")
    one = socket.create_connection((host, int(port)), DEADLINE_S)
    no_window = frame(4, 0, 0, struct.pack(">HI", 4, 0))
    one.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + no_window)
    head = (
        b"\x83\x86" + field(b":path", b"/grpc.health.v1.Health/Watch") + field(b":authority", b"x")
        + field(b"content-type", b"application/grpc") + field(b"te", b"trailers")
    )  # fmt: skip
    for number in range(1, 2 * calls, 2):
        one.sendall(frame(1, 4, number, head) + frame(0, 1, number, b"\0" * 5))
    return one


async def test_who_watches_the_health_and_reads_nothing_holds_nobody_up(registry):
    gateway = client_of(registry)
    service = rpc.InferenceService(gateway.predictor, Settings(LIMIT_BYTES, 1000), ids=str)
    address = f"127.0.0.1:{free_port()}"
    server = await rpc.serve(service, address, LIMIT_BYTES, Gate(Known(), lambda *_: None))
    async with grpc.aio.insecure_channel(address) as channel:
        with await asyncio.to_thread(watching_without_reading, address, 200):
            # It watches once somebody else of the same address may not any more.
            watch = channel.unary_stream("/grpc.health.v1.Health/Watch")
            codes = set()
            ends_s = time.monotonic() + DEADLINE_S
            while EXHAUSTED not in codes and time.monotonic() < ends_s:
                call = watch(b"")
                await asyncio.wait([asyncio.ensure_future(call.read())], timeout=0.2)
                codes.add(await call.code() if call.done() else None)
                call.cancel()
            assert EXHAUSTED in codes
            gateway.predictor._is_alive = lambda _: False
            server.follow_readiness()
            check = channel.unary_unary("/grpc.health.v1.Health/Check")
            assert await check(b"", timeout=DEADLINE_S) == b"\x08\x02"
            await asyncio.wait_for(server.stop(0.1), DEADLINE_S)


@pytest.mark.parametrize(
    "content", [b"\xff" * 20, b"\x0a\xff\xff\xff\xff\x07abc", b"\x0a\x02\xff\xfe"]
)
@pytest.mark.parametrize(
    "method",
    [INFER, "/grpc.health.v1.Health/Check", f"/{reflection.SERVICE_NAME}/ServerReflectionInfo"],
)
async def test_bytes_that_are_no_message_are_refused_in_words(registry, method, content, caplog):
    gateway = client_of(registry)
    service = rpc.InferenceService(gateway.predictor, Settings(LIMIT_BYTES, 1000), ids=str)
    address = f"127.0.0.1:{free_port()}"
    server = await rpc.serve(service, address, LIMIT_BYTES, Gate(Known(), lambda *_: None))
    try:
        async with grpc.aio.insecure_channel(address) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await channel.unary_unary(method)(content, metadata=(("x-api-key", "k-all"),))
    finally:
        await server.stop(None)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "cannot be read" in refused.value.details()
    assert not caplog.records
