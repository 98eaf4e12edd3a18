"""A real process: it answers, finishes what is on its way, and says why it cannot start."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading

import pytest

from serve_app.errors import ConfigError
from serve_app.standalone import server
from serve_app.standalone.places import Place
from serve_app.standalone.server import listen
from tests.unit.standalone.running import COMMAND, ROOT, ended, running

ROW = {
    "age": 59, "sex": 2, "bmi": 32.1, "bp": 101, "s1": 157, "s2": 93.2, "s3": 38, "s4": 4,
    "s5": 4.86, "s6": 87,
}  # fmt: skip
PATH = "/v1/models/progression-xgb:predict"


def started(home, *arguments):
    return subprocess.run(
        [sys.executable, "-c", COMMAND, "run", *arguments],
        cwd=home,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_asked_to_end_it_finishes_what_is_on_its_way(home):
    answered, refused = [], []
    ending = threading.Event()
    with running("progression-xgb", home=home) as one:

        def ask():
            while True:
                try:
                    answered.append(one.get(PATH, {"instances": [ROW] * 500})[0])
                except OSError as error:
                    # Whoever is not let in any more learns it at once: nothing was computed.
                    reason = getattr(error, "reason", error)
                    refused.append((ending.is_set(), isinstance(reason, ConnectionError)))
                    return

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        while len(answered) < 40:
            assert one.process.poll() is None
        ending.set()
        one.process.send_signal(signal.SIGTERM)
        code, spent_s = ended(one.process, 20)
        for thread in threads:
            thread.join(20)
    assert code == 0
    assert spent_s < 10
    assert set(answered) == {200}
    assert refused == [(True, True)] * 4


def test_who_looks_whether_it_is_ready_loses_nothing(home):
    """A load balancer that looks before it sends: all that is sent is answered."""
    answered, left = [], []
    with running("progression-xgb", "--leave-s", "2", home=home) as one:

        def send_while_ready():
            while one.get("/v2/health/ready")[0] == 200:
                answered.append(one.get(PATH, {"instances": [ROW] * 50})[0])
            left.append(one.get(PATH, {"instances": [ROW]})[0])

        threads = [threading.Thread(target=send_while_ready) for _ in range(4)]
        for thread in threads:
            thread.start()
        while len(answered) < 40:
            assert one.process.poll() is None
        one.process.send_signal(signal.SIGTERM)
        code, spent_s = ended(one.process, 20)
        for thread in threads:
            thread.join(20)
    assert code == 0
    assert 2 <= spent_s < 12
    assert set(answered) == {200}
    # Also who did not look yet is answered until it closes.
    assert left == [200] * 4


def test_a_request_on_its_way_is_given_its_time(home):
    """A body that is half sent when the process is asked to end is still answered."""
    with running("progression-xgb", "--drain-s", "15", home=home) as one:
        host, port = one.url.removeprefix("http://").split(":")
        body = b'{"instances": []}'
        lines = (f"POST {PATH} HTTP/1.1", "host: localhost", f"content-length: {len(body)}")
        head = "\r\n".join((*lines, "\r\n")).encode()
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(head + body[:5])
            one.process.send_signal(signal.SIGTERM)
            one.until("ending")
            connection.sendall(body[5:])
            answer = connection.recv(100)
        assert answer.startswith(b"HTTP/1.1 "), answer
        assert ended(one.process, 20)[0] == 0


def test_a_client_that_never_finishes_does_not_hold_it_up(home):
    with running("progression-xgb", "--drain-s", "1", home=home) as one:
        host, port = one.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(f"POST {PATH} HTTP/1.1\r\nhost: localhost\r\n".encode())
            one.process.send_signal(signal.SIGTERM)
            code, spent_s = ended(one.process, 20)
    assert code == 0
    assert spent_s < 10


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nobody@1", "--port", "0"), "there is no model 'nobody'"),
        (("--port", "0"), "name those that shall answer"),
        (("progression-xgb", "--registry", "./nowhere", "--port", "0"), "nowhere"),
        (("progression-xgb", "--host", "no.such.host.invalid", "--port", "0"), "cannot be taken"),
        (("progression-xgb", "--config", "serve.yaml"), "not exist"),
    ],
)
def test_what_cannot_start_ends_in_words(home, arguments, words):
    done = started(home, *arguments)
    assert done.returncode in {1, 2}
    assert words in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_taken_address_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"127.0.0.1:{port} cannot be taken.*--port"):
            listen("127.0.0.1", port, option="--port")


class Unguarded:
    """An application that asks nobody who they are."""

    gate, allowed_hosts, is_open = None, ("*",), True


@pytest.mark.parametrize("platform", ["this machine", "a container"])
def test_where_nobody_said_that_everybody_may_ask_other_machines_are_not_let_in(platform):
    application = Unguarded()
    application.is_open = False
    with contextlib.ExitStack() as sockets:
        with pytest.raises(ConfigError, match=r"0\.0\.0\.0 lets other machines ask.*--keys-file"):
            server._server(application, Place(platform, "0.0.0.0", 0), sockets)
        server._server(application, Place(platform, "127.0.0.1", 0), sockets)
        server._server(application, Place("Cloud Run", "0.0.0.0", 0), sockets)
        application.gate = object()
        server._server(application, Place(platform, "0.0.0.0", 0), sockets)


@pytest.mark.parametrize(
    ("place", "gate", "warned"),
    [
        (Place("this machine", "0.0.0.0", 0), None, True),
        (Place("a container", "0.0.0.0", 0), None, True),
        (Place("this machine", "127.0.0.1", 0), None, False),
        (Place("a container", "0.0.0.0", 0), object(), False),
        (Place("Cloud Run", "0.0.0.0", 0), None, False),
    ],
)
def test_who_lets_everybody_in_from_elsewhere_is_warned(place, gate, warned, caplog):
    application = Unguarded()
    application.gate = gate
    with contextlib.ExitStack() as sockets, caplog.at_level("WARNING", "serve_app.standalone"):
        server._server(application, place, sockets)
    assert any("--keys-file says who may" in one.message for one in caplog.records) is warned


def test_the_log_tells_its_platform(home):
    environment = {"K_SERVICE": "churn", "PORT": "1", "SERVE_APP_MODEL": "progression-xgb@1"}
    with running(home=home, environment=environment) as one:
        (line,) = [line for line in one.log if line["message"] == "listening"]
        assert (line["platform"], line["host"]) == ("Cloud Run", "0.0.0.0")
        assert one.get(PATH, {"instances": [ROW]})[0] == 200


def test_prometheus_is_answered_on_a_port_of_its_own(home):
    with running("progression-xgb", "--metrics-port", "0", home=home) as one:
        (line,) = [line for line in one.log if line["message"] == "listening for Prometheus"]
        for _ in range(3):
            assert one.get(PATH, {"instances": [ROW] * 2})[0] == 200
        assert one.get(PATH, {"instances": [{}]})[0] == 400
        assert one.get("/metrics")[0] == 404
        one.url = f"http://127.0.0.1:{line['port']}"
        status, text = one.get("/metrics")
        assert status == 200
        assert one.get("/v1/models")[0] == 404
    assert 'serve_app_requests_total{endpoint="progression-xgb",outcome="answered"} 3.0' in text
    assert (
        'serve_app_requests_total{endpoint="progression-xgb",outcome="invalid_input"} 1.0' in text
    )
    assert 'serve_app_rows_total{endpoint="progression-xgb"} 6.0' in text
    assert 'serve_app_request_seconds_count{endpoint="progression-xgb"} 4.0' in text
    assert 'version="progression-xgb@1"' in text
    promtool = shutil.which("promtool")
    if promtool is None:
        assert not os.environ.get("CI"), "promtool is missing: `.ci/run` brings it"
        return
    checked = subprocess.run(
        [promtool, "check", "metrics"],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_a_taken_port_for_prometheus_is_named(home):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = started(home, "progression-xgb", "--port", "0", "--metrics-port", port)
    assert done.returncode == 1
    assert f"127.0.0.1:{port} cannot be taken" in done.stderr
    assert "choose another by --metrics-port" in done.stderr
