"""An issuer's keys are fetched from where the config says, and from nowhere else."""

import asyncio
import datetime as dt
import http.server
import ipaddress
import json
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from serve_app.control.snapshots import Snapshots
from serve_app.errors import ConfigError, Unavailable
from serve_app.serving import issuer as issuers
from serve_app.serving.issuer import Issuer, fetch, is_allowed
from serve_app.serving.issuer_keys import IssuerKeys

DOCUMENT = {"keys": [{"kty": "EC"}]}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of `id.test`, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "id.test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("id.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("issuer")
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder


@pytest.fixture
def answers():
    return {"status": 200, "body": json.dumps(DOCUMENT).encode(), "headers": {}, "asked": []}


@pytest.fixture
def server(certificate, answers):
    """The issuer's address, at a port of this machine."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            answers["asked"].append((self.path, self.headers["host"]))
            self.send_response(answers["status"])
            for name, value in answers["headers"].items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answers["body"])

        def log_message(self, *_):
            pass

    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    made.socket = context.wrap_socket(made.socket, server_side=True)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield f"https://id.test:{made.server_address[1]}/keys?tenant=1"
    made.shutdown()
    made.server_close()


def asked(address, certificate, *, private=True, leads_to=("127.0.0.1",)):
    issuer = Issuer(address, private, str(certificate / "cert.pem"))
    return fetch(issuer, lambda _host, _port: list(leads_to))


def test_keys_are_fetched_from_the_address_that_was_looked_at(server, certificate, answers):
    assert asked(server, certificate) == DOCUMENT
    ((path, host),) = answers["asked"]
    assert (path, host.partition(":")[0]) == ("/keys?tenant=1", "id.test")


@pytest.mark.parametrize(
    "leads_to",
    [
        ["127.0.0.1"], ["169.254.169.254"], ["10.0.0.1"], ["192.168.1.1"], ["172.16.0.1"],
        ["100.64.0.1"], ["0.0.0.0"], ["::1"], ["fe80::1"], ["fe80::1%eth0"], ["fd00::1"], ["::"],
        ["::ffff:127.0.0.1"], ["::ffff:169.254.169.254"], ["64:ff9b::a9fe:a9fe"],
        ["2002:7f00:1::"], ["224.0.0.1"], ["8.8.8.8", "127.0.0.1"], [],
    ],
)  # fmt: skip
def test_no_name_leads_into_the_own_network(server, certificate, answers, leads_to):
    with pytest.raises(ConfigError, match="private network"):
        asked(server, certificate, private=False, leads_to=leads_to)
    assert answers["asked"] == []


def test_where_clouds_hand_out_secrets_is_off_limits():
    for address in ("169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "0.0.0.0"):
        assert not is_allowed(address, private=True)
    assert is_allowed("10.0.0.1", private=True)
    assert is_allowed("8.8.8.8", private=False)
    assert is_allowed("2001:4860:4860::8888", private=False)


@pytest.mark.parametrize(
    "address",
    [
        "http://id.test/", "file:///etc/passwd", "gopher://id.test/", "https://u:p@id.test/",
        "https:///x",
    ],
)  # fmt: skip
def test_only_https_is_spoken(certificate, address):
    with pytest.raises(ConfigError, match="no https address"):
        asked(address, certificate)


@pytest.mark.parametrize(
    "change",
    [
        {"status": 302, "headers": {"location": "http://169.254.169.254/"}},
        {"status": 500},
        {"body": b"[]"},
        {"body": b"{"},
        {"body": b'{"keys": 3}'},
        {"body": b"[" * 100_000},
        {"body": b'{"keys": [], "more": "' + b"a" * issuers.MOST_BYTES + b'"}'},
    ],
    ids=["elsewhere", "failed", "list", "broken", "no keys", "deep", "long"],
)
def test_what_is_no_jwks_is_refused_in_words(server, certificate, answers, change):
    answers.update(change)
    with pytest.raises(Unavailable, match=r"id\.test"):
        asked(server, certificate)
    assert len(answers["asked"]) == 1


def test_a_server_of_another_name_is_not_believed(server, certificate, answers):
    with pytest.raises(Unavailable, match="cannot be fetched"):
        asked(server.replace("id.test", "other.test"), certificate)
    with pytest.raises(Unavailable, match="cannot be fetched"):
        fetch(Issuer(server, private=True), lambda _host, _port: ["127.0.0.1"])
    assert answers["asked"] == []


def test_every_address_is_one_or_the_other():
    for number in range(256):
        ip = ipaddress.ip_address(f"{number}.1.1.1")
        assert is_allowed(str(ip), private=False) <= ip.is_global


class Store:
    def save(self, *_):
        pass

    def latest(self):
        return None


class House:
    def __init__(self, outcomes):
        self.outcomes = outcomes
        self.asked = []
        self.now_s = 0.0
        self.snapshots = Snapshots(Store())
        self.announced = 0
        self.keys = IssuerKeys(
            self.snapshots, announce=self._announce, clock=lambda: self.now_s, fetched=self._fetched
        )

    async def _announce(self):
        self.announced += 1

    def _fetched(self, issuer):
        self.asked.append((self.now_s, issuer.address))
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def follow(self, address="https://a/"):
        asyncio.run(self.keys.follow(Issuer(address)))

    @property
    def standing(self):
        return dict(self.snapshots.current.access.token_keys)


def test_an_issuer_is_asked_once_a_minute_whoever_wants_its_keys():
    house = House([{"keys": [1]}, {"keys": [2]}])
    for now_s in (0.0, 1.0, 59.0, 60.0, 61.0):
        house.now_s = now_s
        house.follow()
    assert [at_s for at_s, _ in house.asked] == [0.0, 60.0]
    assert house.standing == {"https://a/": {"keys": [2]}}
    assert house.announced == 2


def test_while_an_issuer_is_away_for_a_day_its_keys_of_before_stand():
    house = House([{"keys": [1]}, *[Unavailable("away")] * 24, {"keys": [1]}])
    for hour in range(26):
        house.now_s = hour * 3600.0
        house.follow()
        assert house.standing == {"https://a/": {"keys": [1]}}
    assert house.announced == 1


def test_issuers_that_no_config_names_any_more_are_forgotten():
    house = House([{"keys": [number]} for number in range(4)])
    for name in "abcd":
        house.follow(f"https://{name}/")
    assert set(house.standing) == {"https://c/", "https://d/"}
