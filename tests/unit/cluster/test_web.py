"""Requests of the command line's own: past proxies to this machine, through them to others."""

import http.server
import threading

import pytest

from serve_app.cluster import web
from serve_app.errors import NotReady


@pytest.fixture
def proxied(monkeypatch):
    """A proxy for everything at which nobody listens."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.upper(), "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def port():
    """Where a server answers everything with JSON."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"good": true}')

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_is_asked_past_a_proxy(proxied, port, host):
    assert web.get(f"http://{host}:{port}/") == {"good": True}


def test_another_machine_is_asked_through_it(proxied):
    with pytest.raises(NotReady, match="refused"):
        web.get("http://192.0.2.1:8000/", timeout_s=5.0)
