"""TLS on the ports that gateways open themselves: listeners, admin and gRPC."""

import asyncio
import contextlib
import shutil
import socket
import ssl

import grpc
import httpx
import pytest

from serve_app.config import AdminSettings, GatewayArgs, ListenerSettings
from serve_app.config.tls import TlsSettings
from serve_app.engine.predict import Predictor
from serve_app.errors import ConfigError
from serve_app.gateway import rpc
from serve_app.gateway.access import Gate, protect
from serve_app.gateway.app import build
from serve_app.gateway.context import Settings
from serve_app.gateway.tls import ServerTls, grpc_credentials
from serve_app.protocols.oip.messages import message
from serve_app.serving import listeners as opened
from serve_app.serving.listeners import Listeners
from tests.security.callers import Known
from tests.security.certificates import Authority

DEADLINE_S = 30
LIVE = "/inference.GRPCInferenceService/ServerLive"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("clients"), "clients")


@pytest.fixture
def port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def installed(authority, folder, name):
    """Put a certificate for a name where a port finds its own."""
    for given, place in zip(authority.issue(name), ("server.crt", "server.key"), strict=True):
        partial = folder / f"{place}.part"
        shutil.copy(given, partial)
        partial.replace(folder / place)
    return {"certificate": str(folder / "server.crt"), "key": str(folder / "server.key")}


def trusting(authority, own=None):
    context = ssl.create_default_context(cafile=authority.certificate)
    if own is not None:
        context.load_cert_chain(*own)
    return context


async def get(port, context, *headers):
    """The answer to a request, and the name that the certificate of the server is for."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            try:
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", port, ssl=context, server_hostname="localhost"
                )
                break
            except ConnectionRefusedError:
                await asyncio.sleep(0.01)
        lines = ["GET / HTTP/1.1", "host: localhost", "connection: close", *headers, "", ""]
        writer.write("\r\n".join(lines).encode())
        answer = await reader.read()
        subject = writer.get_extra_info("peercert")["subject"]
        writer.close()
    return answer, dict(pair for (pair,) in subject)["commonName"]


def app():
    predictor = Predictor(clock=lambda: 0.0, ids=str)
    return build(predictor, Settings(max_body_bytes=1000, max_rows=5)).mounted["azureml"]


@contextlib.asynccontextmanager
async def listening(settings, gate=None):
    listeners = Listeners()
    await listeners.open(protect(app(), gate, "admin"), settings, ids=str)
    try:
        yield listeners
    finally:
        await listeners.close()


async def test_a_listener_speaks_https_and_shows_a_new_certificate_without_a_restart(
    authority, tmp_path, port, monkeypatch
):
    monkeypatch.setattr(opened, "CERTIFICATES_PERIOD_S", 0.01)
    tls = TlsSettings(**installed(authority, tmp_path, "former"))
    settings = ListenerSettings(profile="azureml", port=port, tls=tls)
    async with listening(settings) as listeners:
        follows = asyncio.create_task(listeners.follow_certificates())
        answer, name = await get(port, trusting(authority))
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert name == "former"
        installed(authority, tmp_path, "second")
        async with asyncio.timeout(DEADLINE_S):
            while name != "second":
                answer, name = await get(port, trusting(authority))
                assert answer.startswith(b"HTTP/1.1 200 ")
        # Half of another one is not taken.
        shutil.copy(authority.issue("third")[0], tmp_path / "server.crt")
        for _ in range(20):
            _, name = await get(port, trusting(authority))
            assert name == "second"
            await asyncio.sleep(0.01)
        follows.cancel()


async def test_a_port_may_want_certificates_of_clients(authority, clients, tmp_path, port):
    made = installed(authority, tmp_path, "server")
    tls = TlsSettings(**made, client_ca=str(clients.certificate))
    async with listening(AdminSettings(port=port, tls=tls)):
        answer, _ = await get(port, trusting(authority, clients.issue("batch")))
        assert answer.startswith(b"HTTP/1.1 200 ")
        for own in (None, Authority(tmp_path, "clients").issue("forged")):
            # In TLS 1.3 a client hears of its refusal when it reads.
            answer = b""
            with contextlib.suppress(ssl.SSLError, ConnectionError):
                answer, _ = await get(port, trusting(authority, own))
            assert answer == b""


BATCH = "CN=batch,O=Example,C=DE"


@pytest.mark.parametrize("must_show", [False, True])
async def test_a_listener_knows_principals_by_their_certificates(
    authority, clients, tmp_path, port, must_show
):
    made = installed(authority, tmp_path, "server")
    tls = TlsSettings(**made, client_ca=str(clients.certificate))
    known = Known(certificates=[BATCH])
    gate = Gate(known, lambda *_: None, certificates=True, must_show=must_show)
    async with listening(AdminSettings(port=port, tls=tls), gate):
        batch = trusting(authority, clients.issue("batch"))
        other = trusting(authority, clients.issue("other"))
        for context, headers, status in (
            (batch, (), b"200"),
            (batch, ("x-api-key: wrong",), b"401"),
            (other, (), b"401"),
            (other, (f"x-client-dn: {BATCH}",), b"401"),
            (other, ("x-api-key: k-all",), b"200"),
        ):
            answer, _ = await get(port, context, *headers)
            assert answer.startswith(b"HTTP/1.1 " + status), headers
    assert {one.value for one in known.asked if one.kind == "certificate"} == {
        BATCH,
        "CN=other,O=Example,C=DE",
    }


async def test_without_tls_nobody_shows_a_certificate(port):
    gate = Gate(Known(certificates=[BATCH]), lambda *_: None, certificates=True)
    async with listening(AdminSettings(port=port), gate):
        async with httpx.AsyncClient() as client:
            claimed = {"x-client-dn": BATCH}
            answer = await client.get(f"http://127.0.0.1:{port}/", headers=claimed)
        assert answer.status_code == 401


async def test_grpc_knows_principals_by_their_certificates(authority, clients, tmp_path, port):
    made = installed(authority, tmp_path, "server")
    tls = TlsSettings(**made, client_ca=str(clients.certificate))
    gate = Gate(Known(certificates=[BATCH]), lambda *_: None, certificates=True, must_show=True)
    batch, other = clients.issue("batch"), clients.issue("other")
    async with served(tls, port, gate):
        assert (await called(port, authority, batch, "ServerMetadata")).name == "serve-app"
        key = (("x-api-key", "k-all"),)
        assert (await called(port, authority, other, "ServerMetadata", key)).name == "serve-app"
        for metadata in ((), (("x-client-dn", BATCH),), (("x-api-key", "wrong"),)):
            for method in ("ServerMetadata", "RepositoryIndex"):
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await called(port, authority, other, method, metadata)
                assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
        trusted = grpc.ssl_channel_credentials(
            authority.certificate.read_bytes(), other[1].read_bytes(), other[0].read_bytes()
        )
        async with grpc.aio.secure_channel(f"localhost:{port}", trusted) as channel:
            for method in ("/nothing.Service/Method", REFLECTION):
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await channel.unary_unary(method)(b"", timeout=DEADLINE_S)
                assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED, method


def test_where_certificates_must_be_shown_every_port_must_want_them():
    tls = {"certificate": "a.crt", "key": "a.key"}
    access = {"mode": "keys", "certificates": {"require": True}}
    for ports in (
        {"listeners": [{"profile": "tfs", "port": 8501}]},
        {"listeners": [{"profile": "tfs", "port": 8501, "tls": tls}]},
        {"grpc_port": 8081},
    ):
        with pytest.raises(ValueError, match="`client_ca` in the `tls` of every port"):
            GatewayArgs.model_validate({"access": access, **ports})
    wants = {"profile": "tfs", "port": 8501, "tls": {**tls, "client_ca": "ca.pem"}}
    assert GatewayArgs.model_validate({"access": access, "listeners": [wants]}).listeners


async def test_old_versions_are_not_spoken(authority, tmp_path, port):
    tls = TlsSettings(**installed(authority, tmp_path, "server"))
    async with listening(ListenerSettings(profile="azureml", port=port, tls=tls)):
        await get(port, trusting(authority))
        context = trusting(authority)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("ECDHE-ECDSA-AES128-SHA256")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await get(port, context)


@contextlib.asynccontextmanager
async def served(settings, port, gate=None):
    predictor = Predictor(clock=lambda: 0.0, ids=str)
    service = rpc.InferenceService(
        predictor, Settings(max_body_bytes=1000, max_rows=5), ids=lambda: "id"
    )
    credentials = grpc_credentials(settings)
    address = f"127.0.0.1:{port}"
    server = await rpc.serve(service, address, 1000, gate, credentials=credentials)
    try:
        yield
    finally:
        await server.stop(0)


async def live(port, authority, own=None):
    """The answer of gRPC, to a connection of its own."""
    return (await called(port, authority, own, "ServerLive")).live


async def called(port, authority, own, method, metadata=()):
    key, chain = (own[1].read_bytes(), own[0].read_bytes()) if own else (None, None)
    trusted = grpc.ssl_channel_credentials(authority.certificate.read_bytes(), key, chain)
    alone = (("grpc.use_local_subchannel_pool", 1),)
    async with grpc.aio.secure_channel(f"localhost:{port}", trusted, options=alone) as channel:
        call = channel.unary_unary(
            f"/inference.GRPCInferenceService/{method}",
            response_deserializer=message(f"{method}Response").FromString,
        )
        return await call(b"", metadata=metadata, timeout=DEADLINE_S)


async def test_grpc_is_encrypted_and_follows_its_files(authority, tmp_path, port):
    tls = TlsSettings(**installed(authority, tmp_path, "former"))
    other = Authority(tmp_path, "another authority")
    async with served(tls, port):
        assert await live(port, authority)
        with pytest.raises(grpc.aio.AioRpcError):
            await live(port, other)
        installed(other, tmp_path, "second")
        assert await live(port, other)
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = channel.unary_unary(LIVE)
            with pytest.raises(grpc.RpcError):
                await asyncio.to_thread(call, b"", timeout=5)


async def test_grpc_may_want_certificates_of_clients(authority, clients, tmp_path, port):
    made = installed(authority, tmp_path, "server")
    tls = TlsSettings(**made, client_ca=str(clients.certificate))
    async with served(tls, port):
        assert await live(port, authority, clients.issue("batch"))
        with pytest.raises(grpc.aio.AioRpcError):
            await live(port, authority)


def test_files_that_are_no_certificates_are_said_at_once(authority, tmp_path):
    certificate, key = authority.issue("one")
    other = authority.issue("two")[1]
    for made in (
        {"certificate": str(tmp_path / "none"), "key": str(key)},
        {"certificate": str(certificate), "key": str(other)},
        {"certificate": str(key), "key": str(certificate)},
    ):
        with pytest.raises(ConfigError, match="`tls` cannot use"):
            ServerTls(TlsSettings(**made))
        with pytest.raises(ConfigError, match="`tls` cannot use"):
            grpc_credentials(TlsSettings(**made))
