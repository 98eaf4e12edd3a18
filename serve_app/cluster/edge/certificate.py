"""The certificate of the main port: in one file, and in an HAProxy that runs."""

from __future__ import annotations

import ssl
from pathlib import Path

from serve_app.cluster.edge.admin_socket import command, sockets
from serve_app.cluster.edge.options import Tls
from serve_app.cluster.private_files import write_private
from serve_app.errors import InvalidInput, NotReady, ServerFault

CERTIFICATE = "server.pem"
"""The certificate, its chain and its key in one file, as HAProxy wants them."""
CLIENT_CA = "client-ca.pem"


def write_certificate(folder: Path, tls: Tls) -> None:
    """Copy certificate and key, and whose certificates clients may show, for HAProxy alone.

    Raises:
        InvalidInput: a file cannot be read, is none, or the key is another certificate's.
    """
    content = joined(tls.certificate, tls.key)
    _replace(folder / CERTIFICATE, content)
    if tls.client_ca is not None:
        _replace(folder / CLIENT_CA, _authorities(tls.client_ca))


def replace_certificate(folder: Path, certificate: Path, key: Path) -> None:
    """Let HAProxy show another certificate from the next connection on.

    The file is replaced too, since an HAProxy that starts later reads it.

    Raises:
        InvalidInput: a file cannot be read, is none, or the key is another certificate's.
        NotReady: the main port speaks no TLS, or no HAProxy answers.
        ServerFault: HAProxy does not take it; the former one stays.
    """
    place = folder / CERTIFICATE
    if not place.exists():
        msg = "the main port speaks no TLS; start the cluster with --tls-certificate and --tls-key"
        raise NotReady(msg)
    content = joined(certificate, key)
    former = place.read_text()
    _replace(place, content)
    try:
        _hand_over(folder, place, content)
    except BaseException:
        _replace(place, former)
        raise


def joined(certificate: Path, key: Path) -> str:
    """Certificate, chain and key as one text.

    Raises:
        InvalidInput: a file cannot be read, is none, or the key is another certificate's.
    """
    texts = [_text(one) for one in (certificate, key)]
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, ValueError) as error:
        msg = (
            f"{certificate} and {key} are no certificate and its key, both as PEM and without a "
            f"password: {error}"
        )
        raise InvalidInput(msg) from None
    return "".join(f"{text.strip()}\n" for text in texts)


def _authorities(path: Path) -> str:
    text = _text(path)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        raise InvalidInput(f"{path} has no certificates as PEM: {error}") from None
    return text


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidInput(f"{path} is no file in PEM") from None


def _replace(path: Path, content: str) -> None:
    """Write a file whole, so that whoever reads it meanwhile has the former one."""
    partial = path.with_name(f".{path.name}.part")
    write_private(partial, content)
    partial.replace(path)


def _hand_over(folder: Path, place: Path, content: str) -> None:
    answering = 0
    for path in sockets(folder):
        lines = "\n".join(line for line in content.splitlines() if line.strip())
        prepared = command(path, f"set ssl cert {place} <<\n{lines}\n\n")
        if prepared is None:
            continue
        answering += 1
        done = command(path, f"commit ssl cert {place}\n") or ""
        if "Success" not in done:
            command(path, f"abort ssl cert {place}\n")
            printed = " ".join(f"{prepared} {done}".split())
            raise ServerFault(f"HAProxy does not take the certificate: {printed}")
    if not answering:
        raise NotReady("no HAProxy of this cluster answers; is a config deployed?")
