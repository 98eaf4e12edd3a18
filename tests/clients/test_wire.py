"""The gateway on a socket: what clients and strangers do with a connection itself."""

import json
import socket
import time

import pytest

PATHS = {
    "native": ("/v1/models/age:predict", {"instances": [[61.0, 2.5]]}),
    "tf_serving": ("/tfs/v1/models/age:predict", {"instances": [[61.0, 2.5]]}),
    "kserve_v1": ("/kserve/v1/models/age:predict", {"instances": [[61.0, 2.5]]}),
    "oip_v2": (
        "/v2/models/age/infer",
        {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [61.0, 2.5]}]},
    ),
    "torchserve": ("/torchserve/predictions/age", [[61.0, 2.5]]),
    "mlflow": ("/mlflow/invocations", {"instances": [[61.0, 2.5]]}),
    "sagemaker": ("/sagemaker/models/age/invoke", [[61.0, 2.5]]),
    "vertex": (
        "/v1/projects/p/locations/l/endpoints/age:predict",
        {"instances": [[61.0, 2.5]]},
    ),
    "azure_ml": ("/azureml/score", {"data": [[61.0, 2.5]]}),
    "seldon": (
        "/seldon/space/age/api/v1.0/predictions",
        {"data": {"ndarray": [[61.0, 2.5]]}},
    ),
}
ANSWER_S = 20.0


class Connection:
    """Bytes to and from the gateway."""

    def __init__(self, address):
        host, _, port = address.partition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=ANSWER_S)
        self._read = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def send(self, content):
        self._socket.sendall(content)

    def finish(self):
        """Nothing more will be sent."""
        self._socket.shutdown(socket.SHUT_WR)

    def _more(self):
        found = self._socket.recv(65536)
        self._read += found
        return bool(found)

    def all(self):
        """Everything until the connection is closed."""
        while self._more():
            pass
        return self._read

    def answer(self):
        """The next answer: its status, headers and body; None when the connection is closed."""
        while b"\r\n\r\n" not in self._read:
            if not self._more():
                return None
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        length = int(headers.get("content-length", 0))
        status = int(first.split()[1])
        while len(self._read) < length and status >= 200:
            assert self._more(), "the answer ends before its end"
        body, self._read = self._read[:length], self._read[length:]
        return status, headers, body


@pytest.fixture(params=PATHS)
def asked(request, served):
    """A path, the bytes of a good body, and where it is served."""
    path, body = PATHS[request.param]
    return served.http, path, json.dumps(body).encode()


def head(path, *lines, method="POST", version="1.1"):
    first = (f"{method} {path} HTTP/{version}", "host: gateway", "content-type: application/json")
    return "\r\n".join((*first, *lines, "", "")).encode()


def test_bodies_may_come_in_chunks_of_one_byte(asked):
    address, path, body = asked
    with Connection(address) as connection:
        connection.send(head(path, "transfer-encoding: chunked"))
        connection.send(b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n")
        status, _, answer = connection.answer()
    assert status == 200, answer


def test_a_connection_is_kept_and_requests_may_follow_before_answers(asked):
    address, path, body = asked
    one = head(path, f"content-length: {len(body)}") + body
    with Connection(address) as connection:
        connection.send(one * 5)
        answers = [connection.answer() for _ in range(5)]
        connection.send(one)
        answers.append(connection.answer())
    assert [status for status, _, _ in answers] == [200] * 6


def test_a_refusal_leaves_the_connection_as_it_was(asked):
    address, path, body = asked
    bad = body[:-3]
    with Connection(address) as connection:
        connection.send(head(path, f"content-length: {len(bad)}") + bad)
        assert connection.answer()[0] == 400
        connection.send(head(path, f"content-length: {len(body)}") + body)
        assert connection.answer()[0] == 200


def test_who_leaves_before_the_end_of_a_body_harms_nobody(asked):
    address, path, body = asked
    with Connection(address) as connection:
        connection.send(head(path, f"content-length: {len(body) + 100}") + body)
        connection.finish()
        answer = connection.answer()
    assert answer is None or answer[0] == 400
    with Connection(address) as connection:
        connection.send(head(path, f"content-length: {len(body)}") + body)
        assert connection.answer()[0] == 200


def test_a_client_may_wait_for_the_word_to_go_on(asked):
    address, path, body = asked
    with Connection(address) as connection:
        connection.send(head(path, f"content-length: {len(body)}", "expect: 100-continue"))
        assert connection.answer()[0] == 100
        connection.send(body)
        assert connection.answer()[0] == 200


def test_the_older_version_of_http_is_spoken(asked):
    address, path, body = asked
    with Connection(address) as connection:
        connection.send(head(path, f"content-length: {len(body)}", version="1.0") + body)
        assert connection.answer()[0] == 200
        assert connection.answer() is None


@pytest.mark.parametrize("method", ["OPTIONS", "DELETE"])
def test_other_methods_are_answered_and_the_connection_goes_on(asked, method):
    address, path, body = asked
    with Connection(address) as connection:
        connection.send(head(path, method=method))
        status, _, _ = connection.answer()
        assert status in {200, 400, 404, 405}
        connection.send(head(path, f"content-length: {len(body)}") + body)
        assert connection.answer()[0] == 200


@pytest.mark.parametrize("path", ["/health", "/health/", "/docs", "/mlflow/ping"])
def test_a_look_at_a_page_has_its_length_and_no_body(served, path):
    lines = b"host: gateway\r\n\r\n"
    with Connection(served.http) as connection:
        connection.send(b"GET %b HTTP/1.0\r\n%b" % (path.encode(), lines))
        status, headers, body = connection.answer()
        assert (status, len(body)) == (200, int(headers["content-length"]))
        assert connection.answer() is None
    with Connection(served.http) as connection:
        connection.send(b"HEAD %b HTTP/1.1\r\nconnection: close\r\n%b" % (path.encode(), lines))
        first, _, rest = connection.all().partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 200 ")
    assert f"content-length: {len(body)}".encode() in first
    assert rest == b""


def test_a_body_above_the_limit_is_refused_before_it_has_come(asked):
    address, path, _ = asked
    started = time.monotonic()
    with Connection(address) as connection:
        connection.send(head(path, "content-length: 99999999"))
        status, _, answer = connection.answer()
    assert status == 413, answer
    assert time.monotonic() - started < ANSWER_S


@pytest.mark.parametrize("noise", [b"\x00" * 100, b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00"])
def test_what_is_not_http_is_answered_so_or_not_at_all(served, noise):
    with Connection(served.http) as connection:
        connection.send(noise)
        connection.finish()
        answer = connection.answer()
    assert answer is None or answer[0] == 400
