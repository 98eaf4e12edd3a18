"""Bodies that want memory, time, or code run: refused in words, while others are answered."""

import gzip
import io
import itertools
import json
import struct
import zlib

import numpy as np
import pytest
from backports import zstd

from serve_app.engine.registration.register import Candidate, register
from serve_app.registry.store import Registry
from tests.security.server import ROW, running

PREDICT = "/v1/models/logistic:predict"
INFER = "/v2/models/logistic/infer"
MIB = 2**20
LIMIT = 8 * MIB


@pytest.fixture(scope="module")
def server(models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    store = Registry(str(folder / "registry"))
    for name in ("logistic", "line"):
        register(store, Candidate(name, *models[name]))
    with running(folder, str(folder / "registry")) as one:
        assert one.predicts()
        yield one


@pytest.fixture(autouse=True)
def unharmed(server):
    """Whatever was sent: the process lives, and who asks as they should is answered."""
    pid = server.process.pid
    server.polite.clear()
    yield
    assert server.process.is_running()
    assert server.process.pid == pid
    assert server.predicts()
    assert server.polite == []


def quickest(server, send, times=3):
    """The quickest of several answers: machines are shared."""
    return min((send() for _ in range(times)), key=lambda one: one.elapsed)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_gigabyte_of_zeros(server, chunked):
    before_mib = server.memory_mib
    with server.beside_a_client():
        if chunked:
            part = b"100000\r\n" + bytes(MIB) + b"\r\n"
            framing = b"Transfer-Encoding: chunked\r\n\r\n"
            parts = itertools.repeat(part, 1024)
        else:
            framing = b"Content-Length: 1073741824\r\n\r\n"
            parts = itertools.repeat(bytes(MIB), 1024)
        head = f"POST {PREDICT} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        answer = server.raw(head.encode() + framing, *parts)
    assert answer.status in {0, 413}
    assert server.memory_mib - before_mib < 2 * LIMIT / MIB + 10


def gzipped(size):
    block = gzip.compress(bytes(MIB * 16), 9)
    return block * (size // (16 * MIB))


BOMBS = {
    "gzip": lambda: gzipped(4 * 1024 * MIB),
    "deflate": lambda: zlib.compress(bytes(512 * MIB), 9),
    "zstd": lambda: zstd.compress(bytes(1024 * MIB)),
}


@pytest.mark.parametrize("encoding", BOMBS)
def test_a_bomb_is_put_down_as_soon_as_it_is_too_large(server, encoding):
    content = BOMBS[encoding]()
    assert len(content) < LIMIT
    before_mib = server.memory_mib
    with server.beside_a_client():
        answer = server.post(PREDICT, content, content_encoding=encoding)
    assert answer.status_code == 413
    assert "above the limit" in answer.text
    assert server.memory_mib - before_mib < LIMIT / MIB * 3 + 20


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 200_000,
        b'{"instances": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    ],
    ids=["open", "lists", "objects"],
)
def test_depth(server, content):
    answer = quickest(server, lambda: server.post(PREDICT, content))
    assert answer.status_code == 400
    assert answer.elapsed.total_seconds() < 0.5


def test_of_a_member_that_stands_twice_the_last_counts(server):
    first, last = json.dumps([ROW]), json.dumps([{**ROW, "age": 20.0}] * 2)
    content = f'{{"instances": {first}, "instances": {last}}}'.encode()
    assert len(server.post(PREDICT, content).json()["predictions"]) == 2


NUMBERS = {
    "200,000 digits": b"1" * 200_000,
    "beyond doubles": b"1e999",
    "2^64": b"18446744073709551616",
    "NaN": b"NaN",
    "Infinity": b"-Infinity",
    "minus nothing": b"-",
    "lone surrogate": b'"\\ud800"',
    "half a surrogate in UTF-8": b'"\xed\xa0\x80"',
    "a bare control character": b'"\x01"',
}


@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS)
def test_numbers_that_are_none_of_ours(server, number):
    content = b'{"instances": [{"age": ' + number + b', "dose": 2.5}]}'
    answer = quickest(server, lambda: server.post(PREDICT, content))
    if number == NUMBERS["2^64"]:
        # As a double it is exact.
        assert answer.status_code == 200
    else:
        assert answer.status_code == 400
    assert answer.elapsed.total_seconds() < 0.5


def test_minus_zero_is_zero(server):
    def asked(age):
        content = b'{"instances": [{"age": ' + age + b', "dose": 2.5}]}'
        return server.post(PREDICT, content).json()["probabilities"]

    assert asked(b"-0.0") == asked(b"0.0")


def test_a_byte_order_mark_is_refused_or_ignored_and_nothing_else(server):
    content = b"\xef\xbb\xbf" + json.dumps({"instances": [ROW]}).encode()
    assert server.post(PREDICT, content).status_code in {200, 400}


def test_keys_that_collide_take_time_by_their_number_alone(server):
    def of(many):
        row = {**ROW, **{f"k{n}": 1 for n in range(many)}}
        content = json.dumps({"instances": [row]}).encode()
        answer = quickest(server, lambda: server.post(PREDICT, content))
        assert answer.status_code == 400
        return answer.elapsed.total_seconds()

    assert of(40_000) < 40 * max(of(2_000), 0.005)


class Marks:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (open, (self.path, "w"))


def npy(array):
    content = io.BytesIO()
    np.save(content, array, allow_pickle=True)
    return content.getvalue()


@pytest.mark.parametrize("media_type", ["application/x-npy", "application/octet-stream"])
@pytest.mark.parametrize(
    "path", [PREDICT, "/invocations", INFER, "/predictions/logistic", "/sagemaker/invocations"]
)
def test_an_array_of_pickled_objects_runs_nothing(server, tmp_path, path, media_type):
    marker = tmp_path / "marker"
    content = npy(np.array([Marks(marker)], dtype=object))
    answer = server.post(path, content, media_type, x_endpoint="logistic")
    assert 400 <= answer.status_code < 500
    assert not marker.exists()


@pytest.mark.parametrize(
    "media_type",
    [
        "application/vnd.bentoml+pickle",
        "application/python-pickle",
        "application/x-pickle",
        "application/x-python-serialize",
        "application/cloudpickle",
        "application/x-msgpack",
        "application/java-serialized-object",
    ],
)
def test_a_pickle_by_its_media_type_runs_nothing(server, tmp_path, media_type):
    import pickle

    marker = tmp_path / "marker"
    content = pickle.dumps(Marks(marker))
    headers = {"payload_container": "PandasDataFrame", "batch_size": "1"}
    for path in (PREDICT, "/invocations"):
        answer = server.post(path, content, media_type, **headers)
        assert answer.status_code in {404, 415}
    assert not marker.exists()


def tensor(shape, data, datatype="FP64", name="age"):
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


SHAPES = {
    "2^62 rows": [2**62, 1],
    "2^63": [2**63],
    "rows that overflow": [2**32, 2**32],
    "minus one": [-1],
    "huge and minus": [-(2**62), 4],
    "no number": ["1"],
    "half": [1.5],
    "many": [1] * 10_000,
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_shapes_that_lie(server, shape):
    before_mib = server.memory_mib
    body = {"inputs": [tensor(shape, [1.0]), tensor(shape, [2.0], name="dose")]}
    answer = server.post(INFER, json.dumps(body).encode())
    assert answer.status_code == 400
    assert server.memory_mib - before_mib < 50


def binary(shape, data, *, says=None, datatype="FP64"):
    """A body of V2 with binary tensors, which says how long they are."""
    size = len(data) if says is None else says
    inputs = [
        {
            "name": name, "shape": shape, "datatype": datatype,
            "parameters": {"binary_data_size": size},
        }
        for name in ("age", "dose")
    ]  # fmt: skip
    head = json.dumps({"inputs": inputs}).encode()
    return head + data + data, str(len(head))


@pytest.mark.parametrize("says", [-1, 0, 7, 9, 2**31, 2**63, 2**64, "8", 8.5, None])
def test_binary_tensors_whose_lengths_lie(server, says):
    content, length = binary([1], struct.pack("<d", 1.0), says=says)
    answer = server.post(
        INFER, content, "application/octet-stream", inference_header_content_length=length
    )
    assert answer.status_code == (200 if says is None else 400)


@pytest.mark.parametrize("length", ["-1", "0", "99999999", str(2**64), "1e3", "0x10", "", "1,2"])
def test_heads_whose_lengths_lie(server, length):
    content, _ = binary([1], struct.pack("<d", 1.0))
    answer = server.post(
        INFER, content, "application/octet-stream", inference_header_content_length=length
    )
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("<I", 2**32 - 1) + b"a",
        struct.pack("<I", 5) + b"a",
        b"\x01",
        struct.pack("<I", 1) + b"a" + struct.pack("<I", 2**31),
    ],
)
def test_texts_that_end_behind_the_end(server, data):
    content, length = binary([1], data, datatype="BYTES")
    answer = server.post(
        INFER, content, "application/octet-stream", inference_header_content_length=length
    )
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "id_", ["a\r\nx-injected: 1", "\x1b[31m", "a" * 500, "é", "a\tb", "%0d%0a"]
)
def test_ids_are_of_few_characters_or_new(server, id_):
    """A client library would refuse most of these: they are written as bytes."""
    body = json.dumps({"instances": [ROW]}).encode()
    head = (
        f"POST {PREDICT} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n"
    ).encode()
    answer = server.raw(head + b"X-Request-Id: " + id_.encode() + b"\r\n\r\n" + body)
    assert answer.status in {200, 400}
    names = [line.partition(b":")[0].lower() for line in answer.head.split(b"\r\n")[1:]]
    assert b"x-injected" not in names
    assert b"\x1b" not in answer.head


def test_every_line_of_the_log_is_one_of_json_without_control_characters(server):
    """Runs after what would have forged one."""
    for path in ("/v1/models/a%0d%0aINFO%20forged:predict", "/v1/models/%1b%5b31m:predict"):
        assert server.post(path, b"{}").status_code == 404
    lines = server.log.read_text().splitlines()
    assert lines
    odd = [line for line in lines if not line.startswith("{") or "\x1b" in line]
    assert odd == []
    for line in lines:
        json.loads(line)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'])
def test_names_are_shown_as_text_alone(server, name):
    from urllib.parse import quote

    for path in (f"/{quote(name, safe='')}", f"/v1/models/{quote(name, safe='')}"):
        for accept in ("text/html", "application/json", "*/*"):
            answer = server.raw(
                f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: {accept}\r\n"
                "Connection: close\r\n\r\n".encode()
            )
            assert answer.status == 404
            if b"text/html" in answer.head.lower():
                assert b"<script>alert" not in answer.body
                assert b"<img src=x" not in answer.body
                assert (
                    b"nosniff" in answer.head.lower() or b"content-security" in answer.head.lower()
                )
