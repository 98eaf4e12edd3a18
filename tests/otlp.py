"""A collector of OpenTelemetry: takes traces and metrics by OTLP over HTTP on a socket."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Receiver:
    """What a collector got; with a `key` it refuses whoever does not send it as `api-key`."""

    MESSAGES: ClassVar[dict[str, Any]] = {
        "/v1/traces": ExportTraceServiceRequest,
        "/v1/metrics": ExportMetricsServiceRequest,
    }

    def __init__(self, key: str | None = None) -> None:
        self.key = key
        self.status = 200
        self.received: list[tuple[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.refused = 0
        self.url = ""
        self.location: str | None = None

    def take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        """The status of the answer to a delivery."""
        self.headers.append(headers)
        if self.key is not None and headers.get("api-key") != self.key:
            self.refused += 1
            return 403
        if self.status != 200:
            self.refused += 1
            return self.status
        if headers.get("content-type") != "application/x-protobuf":
            return 415
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.received.append((path, self.MESSAGES[path].FromString(body)))
        return 200

    def spans(self) -> list[Any]:
        """All spans that came."""
        return [
            span
            for path, message in list(self.received)
            if path == "/v1/traces"
            for resource in message.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def metrics(self) -> list[Any]:
        """All metrics that came, one after the other."""
        return [
            metric
            for path, message in list(self.received)
            if path == "/v1/metrics"
            for resource in message.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        ]

    def resources(self, path: str) -> list[dict[str, Any]]:
        """The attributes of all processes that sent something."""
        field = "resource_spans" if path == "/v1/traces" else "resource_metrics"
        return [
            attributes(one.resource)
            for sent, message in list(self.received)
            if sent == path
            for one in getattr(message, field)
        ]


def attributes(of: Any) -> dict[str, Any]:
    """The attributes of a span, a point or a resource as plain values."""
    return {one.key: _plain(one.value) for one in of.attributes}


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(one) for one in value.array_value.values]
    return getattr(value, kind)


@contextmanager
def receiver(key: str | None = None) -> Iterator[Receiver]:
    """A collector on a port of this machine."""
    got = Receiver(key)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(got.take(self.path, headers, body))
            self.send_header("content-length", "0")
            if got.location is not None:
                self.send_header("location", got.location)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    got.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield got
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
