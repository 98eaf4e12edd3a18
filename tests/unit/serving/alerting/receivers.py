"""Receivers of alerts as other people run them: over HTTP, and mail servers, on this machine."""

import datetime as dt
import http.server
import ipaddress
import json
import ssl
import threading
import time
from contextlib import contextmanager

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from serve_app.monitoring.alerts.message import Announcement, Message
from serve_app.monitoring.finding import Finding
from tests.ports import free_port

NOON_S = 1_790_164_800.0
PATIENCE_S = 20.0


def finding(subject="age: missing", kind="drift", endpoint="risk", severity="warning"):
    return Finding(kind, endpoint, "risk@1", subject, "it is wrong", severity, 0.3, 0.1)


def message(*findings, resolved=(), identity="m1"):
    return Message(
        identity, "ops", "risk", NOON_S,
        tuple(Announcement(one, NOON_S) for one in findings),
        tuple(Announcement(one, NOON_S, NOON_S + 60) for one in resolved),
        len(findings),
    )  # fmt: skip


def until(condition):
    """Return once something is so."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s, "it does not come to be so"
        time.sleep(0.01)


class Web(http.server.ThreadingHTTPServer):
    """Answers with the given statuses, one after the other, and remembers what came.

    A status may be a pair of status and headers, or an event for which to wait before 200.
    """

    daemon_threads = True

    def __init__(self, *answers, text=b"ok"):
        self.answers, self.text, self.got = list(answers), text, []
        super().__init__(("127.0.0.1", 0), _Handler)
        self.scheme = "http"

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.server_port}/hooks/s3cr3t-token"

    @property
    def bodies(self):
        return [json.loads(body) for _, _, body in self.got]

    def handle_error(self, request, client_address):
        """Clients may go away."""


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        server = self.server
        server.got.append(
            (self.path, {name.lower(): one for name, one in self.headers.items()}, body)
        )
        answer = server.answers.pop(0) if server.answers else 200
        if isinstance(answer, threading.Event):
            answer.wait(PATIENCE_S)
            answer = 200
        status, more = answer if isinstance(answer, tuple) else (answer, {})
        self.send_response(status)
        for name, value in more.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(server.text)))
        self.end_headers()
        self.wfile.write(server.text)

    def log_message(self, *_):
        """Nothing on the screen."""


@contextmanager
def web(*answers, text=b"ok", certificate=None):
    server = Web(*answers, text=text)
    if certificate is not None:
        server.socket = certificate.wrap_socket(server.socket, server_side=True)
        server.scheme = "https"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def certificate(folder, name="127.0.0.1"):
    """What a server of that name shows, and the file of who vouches for it: itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(name))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    ca_file, key_file = folder / "ca.pem", folder / "key.pem"
    ca_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca_file, key_file)
    return context, ca_file


class Mailbox:
    """Keeps what a mail server was given; `refusals` are what it answers first."""

    def __init__(self, *refusals):
        self.refusals, self.got, self.logins = list(refusals), [], []

    async def handle_DATA(  # noqa: N802 - as aiosmtpd calls it
        self, server, session, envelope
    ):
        if self.refusals:
            return self.refusals.pop(0)
        self.got.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 taken"

    def login(self, server, session, envelope, mechanism, data):
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password == b"right", handled=False)


@contextmanager
def mail_server(*refusals, starttls=None, with_login=False, tls=None):
    box = Mailbox(*refusals)
    more = {}
    if with_login:
        more = {"authenticator": box.login, "auth_required": True}
    box.port = free_port()
    controller = Controller(
        box, hostname="127.0.0.1", port=box.port, tls_context=starttls, ssl_context=tls,
        require_starttls=starttls is not None, auth_require_tls=starttls is not None, **more,
    )  # fmt: skip
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
