"""A dashboard, HAProxy and a gateway on one port of this machine, without Ray.

What is PUT runs at once, but for the applications of `broken`.
"""

import http.server
import json
import threading
from contextlib import contextmanager

from serve_app.cluster.node import Running
from serve_app.config import HOME_VARIABLE
from serve_app.serving.deploying.in_effect import declared_hash

UP = "# pxname,svname,status\nhttp-default,SERVE_REPLICA::a,UP\n"


class FakeServe:
    """What runs, what was put, and what was asked of the gateway."""

    def __init__(self, folder):
        self.folder = folder
        self.config = {"applications": []}
        self.puts = []
        self.broken = {}
        self.refusal = None
        self.set_at_run_time = {}
        self.example = {"instances": [{"a": 1.0}]}
        self.predicted = []
        self.port = 0

    @property
    def running(self):
        return Running(
            self.folder, self.port, self.port, self.port, 1, "127.0.0.1",
            {HOME_VARIABLE: str(self.folder)},
        )  # fmt: skip

    @property
    def endpoints(self):
        """The endpoints that were declared last."""
        (control,) = (one for one in self.config["applications"] if one["name"] == "control")
        return control["deployments"][0]["user_config"]["endpoints"]

    @property
    def names(self):
        """The names of the applications that run."""
        return [one["name"] for one in self.config["applications"]]

    def get(self, path):
        if path.startswith("/stats"):
            return UP
        pages = {
            "/api/serve/applications/": self._details,
            "/api/cluster_status": dict,
            "/v1/endpoints": lambda: {"set_at_run_time": self.set_at_run_time},
            "/v1/status": self._status,
            "/v2/health/ready": dict,
            "/openapi.json": self._document,
        }
        return json.dumps(pages[path]())

    def put(self, config):
        self.config = config
        self.puts.append(config)

    def _details(self):
        return {
            "http_options": {"host": "127.0.0.1", "port": self.port, "root_path": ""},
            "applications": {
                one["name"]: {
                    "status": "DEPLOY_FAILED" if one["name"] in self.broken else "RUNNING",
                    "message": self.broken.get(one["name"], ""),
                    "deployments": {},
                    "deployed_app_config": one,
                }
                for one in self.config["applications"]
            },
        }

    def _status(self):
        return {
            "declaration": declared_hash(self.config["applications"]),
            "snapshot": 1,
            "waiting": {},
            "reasons": {},
            "gateways": {},
            "other": {},
        }

    def _document(self):
        body = {"content": {"application/json": {"example": self.example}}}
        return {
            "paths": {
                f"/v1/models/{name}:predict": {"post": {"requestBody": body}}
                for name in self.endpoints
            }
        }


@contextmanager
def serving(folder):
    """A fake that answers on a port while it is entered."""
    made = FakeServe(folder)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self._answer(200, made.get(self.path))

        def do_PUT(self):
            config = self._body()
            if made.refusal is not None:
                self._answer(400, made.refusal)
                return
            made.put(config)
            self._answer(200, "")

        def do_POST(self):
            made.predicted.append((self.path, self._body()))
            self._answer(200, json.dumps({"predictions": [7]}))

        def _body(self):
            return json.loads(self.rfile.read(int(self.headers["content-length"])))

        def _answer(self, status, text):
            content = text.encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        made.port = server.server_port
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
