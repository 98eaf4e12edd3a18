"""TLS on the ports that gateways open themselves: no HAProxy stands before these."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

import grpc

from serve_app.config.tls import TlsSettings
from serve_app.errors import ConfigError

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2, in the words of OpenSSL; all those of 1.3 are of this kind."""
logger = logging.getLogger("serve_app.gateway")
_Identity = tuple[tuple[int, int, int], ...]


class Certificates:
    """The files of one port, and whether they have changed since they were read last."""

    def __init__(self, settings: TlsSettings) -> None:
        self.settings = settings
        self._read = self._identity()

    def have_changed(self) -> bool:
        """Whether certificate or key are others than at the last call; true once per change."""
        now = self._identity()
        if now == self._read:
            return False
        self._read = now
        return bool(now)

    def _identity(self) -> _Identity:
        """What tells the files from those that take their places; nothing while one is missing."""
        try:
            stats = [Path(one).stat() for one in (self.settings.certificate, self.settings.key)]
        except OSError:
            return ()
        return tuple((one.st_ino, one.st_mtime_ns, one.st_size) for one in stats)


class ServerTls:
    """TLS for one HTTP port; connections that begin later are shown the newest certificate.

    `context` is what the server is started with. It hands each connection to the newest one, which
    is whole: a context that is changed has, for a moment, a certificate and another one's key.
    """

    def __init__(self, settings: TlsSettings) -> None:
        self._certificates = Certificates(settings)
        self.context = self._newest = _context(settings)
        self.context.sni_callback = self._choose

    def follow(self) -> None:
        """Read the files again if they have changed; what does not fit together is not taken."""
        if not self._certificates.have_changed():
            return
        settings = self._certificates.settings
        try:
            self._newest = _context(settings)
        except ConfigError as error:
            words = {"certificate": settings.certificate, "why": error.message}
            logger.warning("a certificate is not taken, the former one stays", extra=words)
            return
        logger.info("another certificate is shown", extra={"certificate": settings.certificate})

    def _choose(
        self, connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _: ssl.SSLContext
    ) -> None:
        """OpenSSL asks this at each connection, whether or not the client names a host."""
        connection.context = self._newest


def grpc_credentials(settings: TlsSettings) -> grpc.ServerCredentials:
    """What a gRPC server shows, and wants to be shown; it follows the files at each connection.

    Raises:
        ConfigError: a file cannot be read, or is none.
    """
    _context(settings)
    certificates = Certificates(settings)

    def read() -> grpc.ServerCertificateConfiguration:
        key, chain = Path(settings.key).read_bytes(), Path(settings.certificate).read_bytes()
        roots = None if settings.client_ca is None else Path(settings.client_ca).read_bytes()
        return grpc.ssl_server_certificate_configuration([(key, chain)], roots)

    def newer() -> grpc.ServerCertificateConfiguration | None:
        try:
            if certificates.have_changed():
                _context(settings)
                return read()
        except (ConfigError, OSError) as error:
            words = {"certificate": settings.certificate, "why": str(error)}
            logger.warning("a certificate is not taken, the former one stays", extra=words)
        return None

    must_show = settings.client_ca is not None
    # None is for «as before», which its stubs do not know.
    return grpc.dynamic_ssl_server_credentials(read(), newer, must_show)  # type: ignore[arg-type]


def _context(settings: TlsSettings) -> ssl.SSLContext:
    """TLS 1.2 or newer, former traffic stays secret, and no tickets of 1.2.

    Raises:
        ConfigError: a file cannot be read, or is none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    try:
        context.load_cert_chain(settings.certificate, settings.key, password="")
        if settings.client_ca is not None:
            context.load_verify_locations(settings.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ValueError) as error:
        msg = (
            f"`tls` cannot use {settings.certificate}, {settings.key} and "
            f"{settings.client_ca or 'no client_ca'}: {error}; they are PEM files, the key without "
            "a password"
        )
        raise ConfigError(msg) from None
    return context
