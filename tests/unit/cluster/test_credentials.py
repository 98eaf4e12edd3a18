"""Commands prove who asks with what the environment has, to gateways alone, and never show it."""

import http.server
import json
import threading

import pytest

from serve_app.cluster import web
from serve_app.cluster.credentials import proof
from serve_app.errors import Forbidden, InvalidInput, Unauthenticated


@pytest.mark.parametrize(
    ("environment", "header"),
    [
        ({}, {}),
        ({"SERVE_APP_API_KEY": ""}, {}),
        ({"SERVE_APP_API_KEY": "sa_k\n"}, {"x-api-key": "sa_k"}),
        ({"SERVE_APP_TOKEN": "a.b.c"}, {"authorization": "Bearer a.b.c"}),
        ({"SERVE_APP_API_KEY": "sa_k", "SERVE_APP_TOKEN": "a.b.c"}, {"x-api-key": "sa_k"}),
    ],
)
def test_one_header_proves_who_asks(environment, header):
    assert proof(environment) == header


def test_a_key_may_be_in_a_file(tmp_path):
    place = tmp_path / "ops.key"
    place.write_text("sa_k\n")
    assert proof({"SERVE_APP_API_KEY_FILE": str(place)}) == {"x-api-key": "sa_k"}
    with pytest.raises(InvalidInput, match="cannot be read"):
        proof({"SERVE_APP_API_KEY_FILE": str(tmp_path / "missing")})


@pytest.mark.parametrize("variable", ["SERVE_APP_API_KEY", "SERVE_APP_TOKEN"])
@pytest.mark.parametrize("text", ["sa secret", "secret\r\nhost: evil", "sécret", "se\0cret"])
def test_what_can_stand_in_no_header_is_refused_without_showing_it(variable, text):
    with pytest.raises(InvalidInput) as caught:
        proof({variable: text})
    assert variable in caught.value.message
    assert "cret" not in caught.value.message


@pytest.fixture
def servers():
    """Two servers: the first sends everybody to the second; what each was shown."""
    shown, made = [], []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            port = self.server.server_address[1]
            shown.append((port, self.headers["x-api-key"]))
            if self.path == "/elsewhere":
                self.send_response(302)
                self.send_header("location", f"http://127.0.0.1:{made[1].server_address[1]}/")
            elif self.path in {"/401", "/403"}:
                self.send_response(int(self.path[1:]))
            else:
                self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"message": "no", "code": "x"}).encode())

        def log_message(self, *_):
            pass

    for _ in range(2):
        one = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=one.serve_forever, daemon=True).start()
        made.append(one)
    yield [one.server_address[1] for one in made], shown
    for one in made:
        one.shutdown()
        one.server_close()


def test_only_gateways_are_shown_who_asks_and_no_server_that_they_lead_to(servers, monkeypatch):
    (first, second), shown = servers
    monkeypatch.setenv("SERVE_APP_API_KEY", "sa_k")
    web.get(f"http://127.0.0.1:{first}/")
    web.get(f"http://127.0.0.1:{first}/", to_gateway=False)
    web.get(f"http://127.0.0.1:{first}/elsewhere")
    assert shown == [(first, "sa_k"), (first, None), (first, "sa_k"), (second, None)]


def test_who_is_not_known_is_told_what_to_set(servers, monkeypatch):
    (first, _), _ = servers
    with pytest.raises(Unauthenticated, match="set SERVE_APP_API_KEY"):
        web.get(f"http://127.0.0.1:{first}/401")
    with pytest.raises(Forbidden, match="no"):
        web.get(f"http://127.0.0.1:{first}/403")
