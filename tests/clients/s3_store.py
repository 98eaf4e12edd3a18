"""An S3 that is not ours: moto's server, and s3fs for processes that ask it."""

import os
import socket
import subprocess
import threading
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest

from tests.clients import foreign

ROOT = Path(__file__).parents[2]
S3FS = ROOT / ".venv-s3"
DEADLINE_S = 300.0
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Store:
    """A bucket of the server, as whoever has nothing but HTTP sees it."""

    def __init__(self, address):
        self.address = address

    def ask(self, path, method="GET", body=None):
        # Without a type it is taken for a form; nobody checks the signature.
        signed = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request"
        headers = {"Content-Type": "application/octet-stream", "Authorization": signed}
        url = f"{self.address}/rows{path}"
        request = urllib.request.Request(url, body, headers, method=method)
        with OPENER.open(request, timeout=60) as answer:
            return answer.read()

    def names(self, prefix):
        listed = ET.fromstring(self.ask(f"?list-type=2&prefix={prefix}/"))
        return [key.text for key in listed.findall(".//{*}Key")]

    def objects(self, prefix):
        """What a job wrote, without what names it."""
        every = {name.removeprefix(f"{prefix}/"): name for name in self.names(prefix)}
        return {
            name: self.ask(f"/{key}")
            for name, key in every.items()
            if name[:2] not in {"_c", "_j", "_m"}
        }

    def variables(self):
        """What processes that write there have in their environment."""
        if not (S3FS / "s3fs").is_dir():
            pytest.fail(f"there is no s3fs in {S3FS.name}; run `make setup-dev`")
        return {
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(S3FS)]),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.address,
        }


class Relay:
    """A port in front of a server: closed, nobody listens there and no connection stays."""

    def __init__(self, address):
        self.target = urlsplit(address)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.listening, self.connections = None, []

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"

    def open(self):
        self.listening = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.accept, args=(self.listening,), daemon=True).start()

    def close(self):
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        for one in self.connections:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self.connections = []

    def accept(self, listening):
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                server = socket.create_connection((self.target.hostname, self.target.port))
                self.connections += [client, server]
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=passed, args=pair, daemon=True).start()


def passed(source, target):
    """Pass on what comes, until an end closes."""
    with source:
        with suppress(OSError):
            while block := source.recv(1 << 16):
                target.sendall(block)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


@contextmanager
def serving(folder):
    """A server with an empty bucket; what it says goes into a folder."""
    python, variables = foreign.program("python")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = (folder / "moto.log").open("wb")
    process = subprocess.Popen(
        [python, "-m", "moto.server", "-p", str(port)], stdout=log, stderr=log, env=variables
    )
    made = Store(f"http://127.0.0.1:{port}")
    try:
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                made.ask("", "PUT")
                break
            except OSError:
                assert process.poll() is None, "the server ended"
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.1)
        yield made
    finally:
        process.terminate()
        process.wait(timeout=30)
        log.close()
