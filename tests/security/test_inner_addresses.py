"""No address of a config has this machine ask where clouds hand out its secrets."""

import http.server
import socket
import threading
from pathlib import Path

import pytest

from serve_app.batch.inputs import places
from serve_app.cli.main import main
from serve_app.config.access import TokenSettings
from serve_app.config.alerts import EmailReceiver, WebhookReceiver
from serve_app.config.jobs import JobsSettings
from serve_app.config.telemetry import TelemetrySettings
from serve_app.core import hosts
from serve_app.core.secret import Secret
from serve_app.errors import InvalidInput, RecordsFailed, RegistryFailed, Unavailable
from serve_app.registry.files import Files
from serve_app.registry.mlflow.address import server_of
from serve_app.registry.mlflow.artifacts import download
from serve_app.serving.alerting import posting
from serve_app.serving.alerting.posting import Target, post
from serve_app.storage.records.files import Files as RecordFiles

# AWS, Azure, Google Cloud, Oracle, Alibaba, DigitalOcean: each says in its documentation where.
PLACES = [
    "169.254.169.254", "169.254.170.2", "[fd00:ec2::254]", "168.63.129.16", "192.0.0.192",
    "100.100.100.200", "metadata.google.internal", "METADATA.google.internal.", "metadata.goog",
    "[fd00:ec2::23]", "[fd20:ce::254]", "[fd00:c1::a9fe:a9fe]", "instance-data.ec2.internal",
]  # fmt: skip
# The same in spellings that the C library or IPv6 know.
SPELLINGS = [
    "2852039166", "0xA9FEA9FE", "0251.0376.0251.0376", "169.254.43518", "169.16689662",
    "0xa9.0xfe.0xa9.0xfe", "169.254.169.254.", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]",
    "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::a9fe:a9fe]", "[::a9fe:a9fe]", "[::169.254.169.254]",
    "[::ffff:0:a9fe:a9fe]", "[2002:a9fe:a9fe::]", "[fe80::1]", "[fe80::1%25eth0]", "224.0.0.1",
]  # fmt: skip
HONEST = ["10.0.0.7", "192.168.1.1", "127.0.0.1", "[::1]", "example.org", "8.8.8.8", "169.253.1.1"]
ODD = ["gopher", "file", "ftp", "dict", "ldap", "jar", "data", "tftp", "netdoc"]


@pytest.fixture(autouse=True)
def nobody_connects(monkeypatch):
    """Nothing is asked, whatever the address: not even for its name."""

    def asked(*place, **_):
        raise AssertionError(f"{place} was asked")

    monkeypatch.setattr(socket.socket, "connect", asked)
    monkeypatch.setattr(socket, "getaddrinfo", asked)


@pytest.mark.parametrize("host", [*PLACES, *SPELLINGS])
def test_secrets_of_a_machine_are_asked_of_no_cloud(host):
    assert hosts.leads_nowhere(host)
    for scheme in ("http", "https"):
        url = f"{scheme}://{host}/latest/meta-data/"
        with pytest.raises(RegistryFailed, match="not asked"):
            Files(url)
        with pytest.raises(RegistryFailed, match="not asked"):
            Files(f"simplecache::{url}")
        with pytest.raises(InvalidInput, match="no server"):
            server_of(f"mlflow+{url}")
        with pytest.raises(ValueError, match="no messages"):
            WebhookReceiver(name="ops", kind="webhook", url=url)
        with pytest.raises(Unavailable, match="no messages"):
            post(Target(Secret(url), 5.0), b"{}", {})
        with pytest.raises(ValueError, match="not asked"):
            TelemetrySettings(endpoint=url)
        with pytest.raises(ValueError, match="not asked"):
            JobsSettings(inputs=(url,), outputs="out")
        with pytest.raises(InvalidInput, match="not asked"):
            places([f"{url}rows.csv"])
        with pytest.raises(RecordsFailed, match="not asked"):
            RecordFiles(url)
    for uri in (f"webhdfs://{host}/x", f"sftp://{host}/x", f"s3::http://{host}/x"):
        with pytest.raises(InvalidInput, match="not asked"):
            download(None, uri, Path("nowhere"))
    if "%" not in host:
        with pytest.raises(ValueError, match="no messages"):
            EmailReceiver(kind="email", host=host.strip("[]"), sender="a@b.c", to=("a@b.c",))


@pytest.mark.parametrize("host", HONEST)
def test_hosts_of_networks_of_ones_own_may_be_named(host):
    assert not hosts.leads_nowhere(host)


@pytest.mark.parametrize("scheme", ODD)
def test_other_schemes_are_refused(scheme):
    url = f"{scheme}://10.0.0.7:6379/x"
    with pytest.raises(ValueError, match="http"):
        WebhookReceiver(name="ops", kind="webhook", url=url)
    with pytest.raises(Unavailable, match="http"):
        post(Target(Secret(url), 5.0), b"{}", {})
    if scheme != "file":
        with pytest.raises(ValueError, match="https"):
            TokenSettings(issuer="https://id.example", audience="a", keys=url)


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest", "gopher://10.0.0.7/_x", "https://[fe80::1]/x"]
)
def test_a_registry_of_such_an_address_is_refused_in_words(url, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["models", "list", "--registry", url])
    assert ended.value.code == 1
    shown = capsys.readouterr().err
    assert "registry" in shown
    assert "Traceback" not in shown


def test_a_name_that_leads_there_is_sent_nothing(monkeypatch):
    received = []

    class Taking(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    monkeypatch.undo()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taking) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        target = Target(Secret(f"http://localhost:{server.server_port}/x"), 5.0)
        post(target, b"{}", {})
        monkeypatch.setattr(posting, "is_off_limits", lambda address: address == "127.0.0.1")
        with pytest.raises(Unavailable, match="leads to 127"):
            post(target, b"{}", {})
        server.shutdown()
        thread.join()
    assert received == ["/x"]
