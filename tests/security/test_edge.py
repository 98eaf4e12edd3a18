"""What stands before gateways lets nobody claim to be another, and nobody take what is others'."""

import contextlib
import json
import socket
import stat
import threading
import time
from pathlib import Path

import psutil
import pytest

from serve_app.cluster.commands import haproxy
from serve_app.cluster.edge import rules
from serve_app.cluster.edge.files import check_edge, edge_secret, write_edge
from serve_app.cluster.edge.options import BEHIND_A_BALANCER, EdgeOptions
from serve_app.core.arrival import Arrivals, clock_name
from serve_app.core.edge_token import EDGE_VARIABLE, EdgeToken, read_edge_token
from serve_app.errors import InvalidInput, ServerFault
from tests.ports import free_port
from tests.security.edges import SECRET, guarded, parsed, until


@pytest.fixture(scope="module")
def edge(tmp_path_factory):
    with guarded(tmp_path_factory.mktemp("edge"), EdgeOptions()) as one:
        yield one


def test_a_gateway_sees_who_asks_and_never_the_token(edge):
    seen = edge.ask("/", source="127.0.0.7").seen
    assert seen["client"] == "127.0.0.7"
    assert seen["scheme"] == "http"
    assert seen["headers"]["x-forwarded-for"] == "127.0.0.7"
    assert "x-serve-app-edge" not in seen["headers"]
    assert SECRET not in str(seen)


def test_a_gateway_sees_when_a_request_came_and_believes_nobody_else(edge):
    edge.ask("/", f"x-forwarded-at: {clock_name()}/1")
    clock, _, at_ms = edge.echo.arrivals[-1].partition("/")
    assert clock == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert abs(int(at_ms) / 1000 - time.time()) < 60
    assert 0 <= Arrivals(clock_name(), time.time).waited_s(edge.echo.arrivals[-1]) < 30


@pytest.mark.parametrize(
    "claim",
    [
        "x-client-cn: admin",
        "X-Client-DN: CN=admin",
        "x-client-sha256: 00",
        "x-forwarded-for: 9.9.9.9",
        "X-FORWARDED-FOR: 9.9.9.9\r\nx-forwarded-for: 8.8.8.8",
        "x-forwarded-proto: https",
        "x-forwarded-host: evil.example",
        "x-forwarded-port: 1",
        "x-forwarded-prefix: /evil",
        "x-forwarded-client-cert: Subject=admin",
        "forwarded: for=9.9.9.9;proto=https",
        "x-real-ip: 9.9.9.9",
        "x-serve-app-edge: guessed",
    ],
)
def test_what_a_client_claims_of_its_origin_is_not_heard(edge, claim):
    plain = edge.ask("/").seen
    assert edge.ask("/", claim).seen == plain


@pytest.mark.parametrize(
    "claim",
    [
        b"x-client-dn: CN=admin",
        b"x-forwarded-for: 9.9.9.9",
        b"x-forwarded-proto: https",
        b"x-forwarded-at: other/1",
        b"forwarded: for=9.9.9.9",
        b"x-serve-app-edge: guessed\r\nx-client-cn: admin",
        b"x-request-timeout-seconds: 0\r\nx-session-id: one",
    ],
)
def test_what_a_client_claims_in_a_trailer_is_not_heard(edge, claim):
    head = b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n"
    plain = parsed(edge.raw(head + b"\r\n2\r\n{}\r\n0\r\n\r\n")).seen
    assert plain["client"] == "127.0.0.1"
    sent = head + b"trailer: x\r\n\r\n2\r\n{}\r\n0\r\n" + claim + b"\r\n\r\n"
    seen = parsed(edge.raw(sent)).seen
    seen["headers"].pop("trailer", None)
    assert seen == plain


def test_the_gateways_own_port_believes_no_claim_without_the_token(edge):
    lines = ["GET / HTTP/1.1", "host: x", "connection: close"]
    lines += ["x-forwarded-for: 9.9.9.9", "x-client-cn: admin", "x-serve-app-edge: guessed"]
    through, edge.http = edge.http, edge.gateway
    try:
        seen = edge.ask("/", *lines[3:]).seen
    finally:
        edge.http = through
    assert seen["client"] == "127.0.0.1"
    assert not {"x-forwarded-for", "x-client-cn", "x-serve-app-edge"} & set(seen["headers"])


@pytest.mark.parametrize(
    "header",
    [
        "x-request-timeout-seconds: 0",
        "x-request-timeout-seconds: -1",
        "serve-multiplexed-model-id: other",
        "x-session-id: one",
    ],
)
def test_headers_that_serve_obeys_do_not_pass(edge, header):
    assert edge.ask("/", header).seen == edge.ask("/").seen


def test_a_name_with_an_underscore_is_refused_which_others_read_as_a_hyphen(edge):
    assert edge.ask("/", "serve_multiplexed_model_id: other").status == 403
    assert edge.ask("/", "x_client_cn: admin").status == 403


@pytest.mark.parametrize(
    "path", ["/-/routes", "/-/ROUTES", "/-/%72outes", "/-/rou%74es?x=1", "/%2d/routes", "/-/x"]
)
def test_pages_of_serves_own_are_closed(edge, path):
    before = len(edge.echo.paths)
    answer = edge.ask(path)
    assert answer.status == 404
    assert "routes" not in answer.body.decode()
    assert len(edge.echo.paths) == before


def test_balancers_may_ask_whether_it_answers(edge):
    assert edge.ask("/-/healthz").status == 200


@pytest.mark.parametrize("host", ["a/?x=", "a?x", "a@b", "a\\b", "a/b", "a#b"])
def test_a_host_that_would_change_what_a_path_means_is_refused(edge, host):
    assert edge.ask("/protected", host=host).status in {400, 401}


def test_a_tunnel_is_refused(edge):
    assert edge.raw(b"CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\nconnection: close\r\n\r\n").split()[
        1
    ] in {b"400", b"405"}


def test_sixty_four_headers_are_enough(edge):
    assert edge.ask("/", *(f"a{number}: 1" for number in range(40))).status == 200
    assert edge.ask("/", *(f"a{number}: 1" for number in range(70))).status == 400


SECOND = b"GET /hidden HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"content-length: %d\r\ntransfer-encoding: chunked" % (5 + len(SECOND)),
        b"transfer-encoding: chunked\r\ncontent-length: 5",
        b"transfer-encoding: xchunked\r\ncontent-length: 5",
        b"transfer-encoding: chunked, identity",
        b"transfer-encoding: identity\r\ncontent-length: 5",
        b"content-length: 5\r\ncontent-length: %d" % (5 + len(SECOND)),
        b"content-length: +5",
        b"content-length: -5",
        b"content-length: 0x5",
        b"content-length: 5,38",
        b"content-length: ",
        b"transfer-encoding : chunked",
        b"transfer-encoding:\x0bchunked",
        b"transfer-encoding: chunked\r\ntransfer-encoding: x",
        b": empty\r\ncontent-length: 5",
        b"a\x00b: 1\r\ncontent-length: 5",
        b"host: y\r\ncontent-length: 5",
    ],
    ids=repr,
)
def test_a_second_request_cannot_be_hidden_in_a_first_one(edge, head):
    """The connection is closed, or the rest is the body; never are there two readings."""
    edge.echo.paths.clear()
    content = b"POST /first HTTP/1.1\r\nhost: x\r\n" + head + b"\r\n\r\n0\r\n\r\n" + SECOND
    answer = edge.raw(content + b"GET /end HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert "/hidden" not in edge.echo.paths
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert edge.ask("/").status == 200


def test_slow_headers_end_and_others_are_served_meanwhile(tmp_path):
    with guarded(tmp_path, EdgeOptions(head_timeout_s=1)) as edge, contextlib.ExitStack() as open_:
        slow = [open_.enter_context(edge.connect()) for _ in range(200)]
        for one in slow:
            one.sendall(b"GET / HTTP/1.1\r\nhost: x\r\na: ")
        assert edge.ask("/").status == 200
        began_s = time.monotonic()
        for one in slow:
            with contextlib.suppress(ConnectionError):
                one.sendall(b"b")
            assert one.recv(100).startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() < began_s + 5


def test_an_answer_that_nobody_takes_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(rules, "STALL_S", 1)
    with guarded(tmp_path, EdgeOptions()) as edge, edge.connect() as one:
        one.sendall(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
        until(lambda: "/large" in edge.echo.paths)
        until(lambda: not connections(edge), deadline_s=90)


def connections(edge):
    """Those that HAProxy keeps of clients."""
    return [
        one
        for one in psutil.net_connections("tcp")
        if one.status == psutil.CONN_ESTABLISHED
        and one.laddr.port == edge.http
        and one.pid == edge.started[-1].pid
    ]


@pytest.fixture
def bounded(tmp_path):
    options = EdgeOptions(connections=4, refusals_per_minute=10)
    with guarded(tmp_path, options) as one:
        yield one


def test_one_client_cannot_take_all_connections(bounded):
    with contextlib.ExitStack() as open_:
        for _ in range(8):
            open_.enter_context(bounded.connect())
        until(lambda: len(connections(bounded)) == 8)
        assert bounded.ask("/").status == 0
        assert bounded.ask("/", source="127.0.0.2").status == 200
    until(lambda: bounded.ask("/").status == 200)


def test_above_its_connections_a_client_is_answered_when_to_come_again(bounded):
    with contextlib.ExitStack() as open_:
        for _ in range(4):
            open_.enter_context(bounded.connect())
        until(lambda: len(connections(bounded)) == 4)
        answer = bounded.ask("/")
        assert answer.status == 429
        assert int(answer.headers["retry-after"]) >= 1
        assert "too many connections" in json.loads(answer.body)["error"]
        assert bounded.ask("/-/healthz").status == 200


def test_one_client_cannot_send_more_than_its_share(tmp_path):
    with guarded(tmp_path, EdgeOptions(requests_per_s=5)) as edge:
        statuses = [edge.ask("/").status for _ in range(100)]
        assert set(statuses) == {200, 429}
        assert edge.ask("/", source="127.0.0.2").status == 200


def test_who_guesses_keys_is_slowed_down_and_nobody_else_at_the_same_address(bounded):
    mine = "authorization: Bearer sa_mine"
    assert bounded.ask("/status/200", mine, method="POST").status == 200
    guesses = [
        bounded.ask("/status/401", f"x-api-key: guess-{number}").status for number in range(40)
    ]
    assert guesses[:10] == [401] * 10
    assert guesses[-1] == 429
    assert 401 not in guesses[guesses.index(429) :]
    assert bounded.ask("/status/200", "x-api-key: guess-1").status == 429
    assert bounded.ask("/status/200", mine).status == 200
    assert bounded.ask("/status/200", "x-api-key: other", source="127.0.0.2").status == 200


def test_a_page_for_everybody_makes_no_credential_a_known_one(bounded):
    for number in range(20):
        bounded.ask("/status/200", f"x-api-key: guess-{number}")
        bounded.ask("/status/401", f"x-api-key: guess-{number}")
    until(lambda: bounded.ask("/status/200", "x-api-key: guess-1").status == 429)


def test_hosts_are_those_that_are_allowed(tmp_path):
    options = EdgeOptions(allowed_hosts=("models.example", "*.inner.example", "127.0.0.1"))
    with guarded(tmp_path, options) as edge:
        for host in ("models.example", "MODELS.example:8000", "a.inner.example", "127.0.0.1:80"):
            assert edge.ask("/", host=host).status == 200
        for host in ("evil.example", "inner.example", "models.example.evil", "amodels.example"):
            answer = edge.ask("/", host=host)
            assert answer.status == 400
            assert host not in answer.body.decode()
        assert edge.ask("/-/healthz", host="10.0.0.1").status == 200


def test_a_proxy_that_is_trusted_says_who_asks(tmp_path):
    options = EdgeOptions(trusted_proxies=("127.0.0.4/31",), requests_per_s=5)
    with guarded(tmp_path, options) as edge:
        claims = ("x-forwarded-for: 9.9.9.9, 8.8.8.8", "x-forwarded-proto: https")
        seen = edge.ask("/", *claims, source="127.0.0.5").seen
        assert (seen["client"], seen["scheme"]) == ("8.8.8.8", "https")
        assert seen["headers"]["x-forwarded-for"] == "8.8.8.8"
        assert edge.ask("/", "x-client-cn: admin", source="127.0.0.5").seen["client"] == "127.0.0.5"
        assert edge.ask("/", *claims, source="127.0.0.6").seen["client"] == "127.0.0.6"
        # Each client behind it has a share of its own.
        flood = [edge.ask("/", claims[0], source="127.0.0.4").status for _ in range(100)]
        assert 429 in flood
        other = edge.ask("/", "x-forwarded-for: 7.7.7.7", source="127.0.0.4")
        assert other.status == 200


def test_rules_last_through_reloads_and_where_haproxy_died(edge):
    edge.reload()
    assert edge.ask("/", "x-forwarded-for: 9.9.9.9").seen["client"] == "127.0.0.1"
    assert edge.ask("/-/routes").status == 404
    edge.started[-1].kill()
    edge.started[-1].wait()
    answer = until(lambda: _answer_or_none(edge))
    assert answer.seen["client"] == "127.0.0.1"
    assert edge.ask("/-/routes").status == 404


@contextlib.contextmanager
def hanging_up():
    """A port whose server reads a request and ends: its connections are closed at once."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    one, _ = listening.accept()
                    with one:
                        one.recv(65536)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_where_no_gateway_answers_clients_are_told_to_come_again(tmp_path):
    """And never 500, which says that asking again is of no use."""
    with guarded(tmp_path, EdgeOptions()) as edge:
        edge.gateway = free_port()
        edge.reload()
        until(lambda: edge.ask("/").status == 503)
        answer = edge.ask("/v1/models/risk:predict", method="POST")
        assert answer.status == 503
        assert answer.headers["retry-after"] == "1"
        assert answer.headers["content-type"] == "application/json"
        assert json.loads(answer.body)["code"] == 503


def test_a_gateway_that_ends_with_a_request_may_have_done_it(tmp_path):
    """Which 503 would deny."""
    with guarded(tmp_path, EdgeOptions()) as edge, hanging_up() as lost:
        edge.gateway = lost
        edge.reload()
        until(lambda: edge.ask("/", method="POST").status == 502)
        answer = edge.ask("/v1/models/risk:predict", method="POST")
        assert answer.status == 502
        assert "retry-after" not in answer.headers
        assert json.loads(answer.body)["code"] == 502


def _answer_or_none(edge):
    with contextlib.suppress(OSError):
        answer = edge.ask("/", "x-forwarded-for: 9.9.9.9")
        return answer if answer.status == 200 else None
    return None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"trusted_proxies": ("10.0.0.0/99",)}, "no address"),
        ({"trusted_proxies": ("a b",)}, "no address"),
        ({"allowed_hosts": ("a b",)}, "no host"),
        ({"allowed_hosts": ("a\n",)}, "no host"),
        ({"allowed_hosts": ("a.*.b",)}, "no host"),
    ],
)
def test_what_is_no_address_or_host_is_refused_before_it_is_in_a_file(options, words):
    with pytest.raises(InvalidInput, match=words):
        EdgeOptions(**options)


def test_files_of_the_edge_are_for_their_owner_alone_and_links_are_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "edge-token").symlink_to(victim)
    write_edge(folder, EdgeOptions(), SECRET)
    check_edge(folder, haproxy())
    assert victim.read_text() == "mine"
    assert not (folder / "edge-token").is_symlink()
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_machines_of_one_cluster_have_one_token_and_clusters_have_their_own(tmp_path):
    (tmp_path / "a").write_text("token of Ray\n")
    (tmp_path / "b").write_text("token of Ray")
    (tmp_path / "c").write_text("another")
    same, again, other = (edge_secret(tmp_path / name) for name in "abc")
    assert same == again != other
    assert edge_secret(None) != edge_secret(None)
    # HMAC-SHA256 as `openssl dgst -sha256 -hmac 'token of Ray'` computes it.
    assert same == "ee66822250dd20a5df91450cfdee615937ca246332b64f9821c70c33bf9a6cf4"


def test_in_an_image_a_balancer_is_for_everybody_and_is_believed_nothing(tmp_path):
    write_edge(tmp_path, BEHIND_A_BALANCER, None)
    check_edge(tmp_path, haproxy())
    text = (tmp_path / "edge.rules").read_text()
    assert "x-serve-app-edge" not in text.replace("del-header x-serve-app-edge", "")
    assert "sc0_conn_cur" not in text
    assert "del-header x-client- -m beg" in text
    assert not (tmp_path / "edge-token").exists()


def test_a_token_never_shows():
    assert SECRET not in repr(EdgeToken(SECRET.encode()))


def test_a_gateway_without_its_file_of_the_token_says_so(tmp_path):
    assert read_edge_token({}) is None
    with pytest.raises(ServerFault, match="cannot be read"):
        read_edge_token({EDGE_VARIABLE: str(tmp_path / "none")})
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(ServerFault, match="is empty"):
        read_edge_token({EDGE_VARIABLE: str(tmp_path / "empty")})
