"""Programs that stand in for Prometheus and Grafana: they answer on a given port."""

import sys
from pathlib import Path

from serve_app.cluster.environment import PROMETHEUS_VARIABLE
from serve_app.cluster.node import Cluster, Running

ANSWERS = """
import configparser, http.server, json, os, pathlib, sys

options = dict(one.split("=", 1) for one in sys.argv[1:] if "=" in one)
if "--web.listen-address" in options:
    port = options["--web.listen-address"].rpartition(":")[2]
else:
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(options["--config"])
    port = settings["server"]["http_port"]
pathlib.Path(f"seen-{port}.json").write_text(json.dumps([sys.argv[1:], dict(os.environ)]))
target = {"labels": {"job": "ray"}, "scrapeUrl": "http://127.0.0.1:1/metrics", "health": "up"}
alert = {
    "labels": {"alertname": "QueueGrowing", "severity": "ticket"},
    "state": "firing",
    "annotations": {"summary": "30 requests wait for a@1"},
}
PAGES = {"targets": {"activeTargets": [target]}, "alerts": {"alerts": [alert]}}

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.path.rpartition("/")[2].partition("?")[0]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"data": PAGES.get(name, {})}).encode())

http.server.HTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()
"""
FAILS = """
print("level=error err='no space left on device'")
raise SystemExit(1)
"""


def program(path, text=ANSWERS):
    """A program that can be run, at a path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)
    return path


def grafana(folder, text=ANSWERS):
    """A program where its pages are beside it, as Grafana's is."""
    (folder / "conf").mkdir(parents=True)
    (folder / "conf" / "defaults.ini").touch()
    return program(folder / "bin" / "grafana", text)


def running(state: Path, port: int) -> Running:
    """A cluster of a state folder, as far as it matters here, whose dashboard looks at a port."""
    environment = {
        PROMETHEUS_VARIABLE: f"http://127.0.0.1:{port}",
        "RAY_SERVE_HAPROXY_METRICS_PORT": "19101",
    }
    return Running(Cluster(state)._folder, 1, 2, 3, 4, "127.0.0.1", environment)
