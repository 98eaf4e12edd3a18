"""TLS on the main port: what is spoken, who is who, and another certificate without a restart."""

import contextlib
import hashlib
import json
import shutil
import ssl
import subprocess
import threading

import pytest

from serve_app.client import Client
from serve_app.cluster import web
from serve_app.cluster.commands import haproxy
from serve_app.cluster.edge.certificate import CERTIFICATE, replace_certificate
from serve_app.cluster.edge.files import check_edge, write_edge
from serve_app.cluster.edge.options import EdgeOptions, Tls
from serve_app.cluster.running import Running
from serve_app.errors import InvalidInput, NotReady, ServeError
from tests.security.certificates import Authority
from tests.security.edges import SECRET, guarded, parsed, until


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    """Who signs the certificates of clients."""
    return Authority(tmp_path_factory.mktemp("clients"), "clients")


@pytest.fixture(scope="module")
def edge(authority, clients, tmp_path_factory):
    tls = Tls(*authority.issue("first"), client_ca=clients.certificate)
    with guarded(tmp_path_factory.mktemp("edge"), EdgeOptions(tls=tls)) as one:
        yield one


def context(authority, own=None, **settings):
    made = ssl.create_default_context(cafile=authority.certificate)
    if own is not None:
        made.load_cert_chain(*own)
    for name, value in settings.items():
        setattr(made, name, value)
    return made


@contextlib.contextmanager
def secured(edge, made):
    with edge.connect() as plain, made.wrap_socket(plain, server_hostname="localhost") as one:
        yield one


def ask(edge, made, *headers):
    lines = ["GET / HTTP/1.1", "host: x", "connection: close", *headers, "", ""]
    with secured(edge, made) as one:
        one.sendall("\r\n".join(lines).encode())
        answer = b""
        while part := one.recv(65536):
            answer += part
    return parsed(answer)


def test_a_gateway_is_shown_that_the_client_came_by_https(edge, authority):
    seen = ask(edge, context(authority)).seen
    assert seen["scheme"] == "https"
    assert not [name for name in seen["headers"] if name.startswith("x-client-")]


def test_a_client_certificate_that_was_verified_says_who_asks(edge, authority, clients):
    own = clients.issue("batch")
    spoofed = "x-client-cn: admin"
    headers = ask(edge, context(authority, own), spoofed).seen["headers"]
    assert headers["x-client-cn"] == "batch"
    assert headers["x-client-dn"] == "CN=batch,O=Example,C=DE"
    der = ssl.PEM_cert_to_DER_cert(own[0].read_text())
    assert headers["x-client-sha256"] == hashlib.sha256(der).hexdigest()
    assert "x-client-cn" not in ask(edge, context(authority), spoofed).seen["headers"]


def test_a_client_certificate_of_somebody_elses_is_refused(edge, authority, tmp_path):
    forged = Authority(tmp_path, "clients").issue("batch")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask(edge, context(authority, forged))


@pytest.mark.parametrize(
    "settings",
    [
        {"maximum_version": ssl.TLSVersion.TLSv1_1, "minimum_version": ssl.TLSVersion.TLSv1},
        {"ciphers": "AES128-GCM-SHA256"},
        {"ciphers": "ECDHE-ECDSA-AES128-SHA256"},
        {"ciphers": "ECDHE-ECDSA-AES256-SHA"},
        {"ciphers": "DHE-RSA-AES128-GCM-SHA256"},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_is_old_is_not_spoken(edge, authority, settings):
    made = context(authority)
    ciphers = settings.get("ciphers")
    if ciphers:
        made.maximum_version = ssl.TLSVersion.TLSv1_2
        made.set_ciphers(ciphers)
    else:
        made.set_ciphers("ALL:@SECLEVEL=0")
        made.minimum_version = settings["minimum_version"]
        made.maximum_version = settings["maximum_version"]
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask(edge, made)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_what_is_spoken_keeps_former_traffic_secret(edge, authority, version):
    made = context(authority, minimum_version=version, maximum_version=version)
    with secured(edge, made) as one:
        name, _, bits = one.cipher()
        assert bits >= 128
        assert "GCM" in name or "POLY1305" in name
        assert name.startswith(("ECDHE-", "TLS_"))


def test_no_ticket_of_tls_1_2_is_given(edge, authority):
    made = context(authority, maximum_version=ssl.TLSVersion.TLSv1_2)
    with secured(edge, made) as one:
        assert not one.session.has_ticket


def test_http_2_is_spoken_to_who_wants_it(edge, authority):
    made = context(authority)
    made.set_alpn_protocols(["h2", "http/1.1"])
    with secured(edge, made) as one:
        assert one.selected_alpn_protocol() == "h2"


def test_only_1_3_where_that_is_wanted(authority, tmp_path):
    options = EdgeOptions(tls=Tls(*authority.issue("strict"), minimum="1.3"))
    with guarded(tmp_path, options) as edge:
        assert ask(edge, context(authority)).status == 200
        with pytest.raises((ssl.SSLError, ConnectionError)):
            ask(edge, context(authority, maximum_version=ssl.TLSVersion.TLSv1_2))


def shown(edge, authority):
    """The common name of the certificate that is shown now."""
    with secured(edge, context(authority)) as one:
        subject = one.getpeercert()["subject"]
    return dict(pair for (pair,) in subject)["commonName"]


class Asking:
    """Asks again and again in threads, and keeps what failed."""

    def __init__(self, edge, authority):
        self._edge, self._authority = edge, authority
        self._over = threading.Event()
        self.failed = []
        self.count = 0
        self._threads = [threading.Thread(target=self._run) for _ in range(4)]

    def _run(self):
        made = context(self._authority)
        while not self._over.is_set():
            try:
                # A cut connection reads as an end without an answer as often as it raises.
                status = ask(self._edge, made).status or ConnectionError("no answer")
            except OSError as error:
                status = error
            self.count += 1
            if status != 200:
                self.failed.append(status)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join(20)


def test_another_certificate_is_shown_at_once_and_after_a_reload_and_nothing_fails(
    authority, tmp_path
):
    options = EdgeOptions(tls=Tls(*authority.issue("former")))
    with guarded(tmp_path, options) as edge, Asking(edge, authority) as asking:
        assert shown(edge, authority) == "former"
        before = edge.started[-1].pid
        replace_certificate(tmp_path, *authority.issue("second"))
        assert shown(edge, authority) == "second"
        assert edge.owner() == before
        edge.reload()
        assert shown(edge, authority) == "second"
        replace_certificate(tmp_path, *authority.issue("third"))
        assert shown(edge, authority) == "third"
        edge.started[-1].kill()
        edge.started[-1].wait()
        asking.failed.clear()
        until(lambda: edge.owner() not in {None, edge.started[-1].pid})
        replace_certificate(tmp_path, *authority.issue("fourth"))
        assert shown(edge, authority) == "fourth"
        count = asking.count
        until(lambda: asking.count > count + 20)
    # HAProxy was killed once: what it had taken then is lost, and nothing else.
    assert not [one for one in asking.failed if not isinstance(one, OSError)]


def test_no_request_fails_while_certificates_change(authority, tmp_path):
    options = EdgeOptions(tls=Tls(*authority.issue("a0")))
    with guarded(tmp_path, options) as edge:
        with Asking(edge, authority) as asking:
            for number in range(1, 4):
                replace_certificate(tmp_path, *authority.issue(f"a{number}"))
                edge.reload()
                count = asking.count
                until(lambda count=count: asking.count > count + 10)
        assert asking.failed == []


def test_a_certificate_that_is_none_changes_nothing(edge, authority, tmp_path):
    before = (edge.folder / CERTIFICATE).read_bytes()
    certificate, _ = authority.issue("one")
    _, key = authority.issue("another")
    with pytest.raises(InvalidInput, match="no certificate and its key"):
        replace_certificate(edge.folder, certificate, key)
    (tmp_path / "garbage").write_bytes(b"\xff\x00")
    with pytest.raises(InvalidInput, match="PEM"):
        replace_certificate(edge.folder, tmp_path / "garbage", key)
    with pytest.raises(InvalidInput, match="cannot be read"):
        replace_certificate(edge.folder, tmp_path / "none", key)
    assert (edge.folder / CERTIFICATE).read_bytes() == before
    assert shown(edge, authority) == "first"


def test_where_no_tls_is_spoken_there_is_no_certificate_to_replace(authority, tmp_path):
    with pytest.raises(NotReady, match="--tls-certificate"):
        replace_certificate(tmp_path, *authority.issue("one"))


def test_bad_files_are_refused_before_anything_starts(authority, tmp_path):
    certificate, key = authority.issue("one")
    (tmp_path / "empty.pem").write_text("")
    for tls in (
        Tls(key, certificate),
        Tls(certificate, authority.issue("another")[1]),
        Tls(certificate, key, client_ca=tmp_path / "empty.pem"),
        Tls(tmp_path / "empty.pem", key),
    ):
        with pytest.raises(InvalidInput):
            write_edge(tmp_path, EdgeOptions(tls=tls), SECRET)
    write_edge(tmp_path, EdgeOptions(tls=Tls(certificate, key)), SECRET)
    check_edge(tmp_path, haproxy())


def test_commands_trust_the_certificate_of_their_own_cluster_and_no_other(
    edge, authority, tmp_path, monkeypatch
):
    Running(edge.folder, edge.http, 1, 2, 3, "127.0.0.1", {}, tls=True)
    url = f"https://127.0.0.1:{edge.http}/"
    assert web.get(url)["scheme"] == "https"
    other = Authority(tmp_path, "somebody else").issue("one")[0]
    monkeypatch.setitem(web._CERTIFICATES, edge.http, other)
    with pytest.raises(ServeError, match=r"(?i)certificate"):
        web.get(url)
    monkeypatch.delitem(web._CERTIFICATES, edge.http)
    with pytest.raises(ServeError, match=r"(?i)certificate"):
        web.get(url)
    monkeypatch.setenv(web.CA_VARIABLE, str(authority.certificate))
    assert web.get(url)["scheme"] == "https"


def test_the_client_trusts_who_it_is_told_to(edge, authority):
    url = f"https://127.0.0.1:{edge.http}"
    with Client(url, ca_file=authority.certificate) as client:
        answer = client._http.get(f"{url}/")
    assert json.loads(answer.content)["scheme"] == "https"
    with Client(url) as client, pytest.raises(Exception, match=r"(?i)certificate"):
        client._http.get(f"{url}/")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")
def test_renegotiation_and_compression_are_off(edge):
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{edge.http}", "-tls1_2"]
    done = subprocess.run(
        command, input="", capture_output=True, text=True, timeout=30, check=False
    )
    assert "Compression: NONE" in done.stdout
    assert "Secure Renegotiation IS supported" in done.stdout
