"""Subjects of client certificates, as the proxy writes them too."""

from __future__ import annotations


def subject_of(certificate: bytes) -> bytes | None:
    """The subject of a certificate in DER or PEM: `CN=batch,O=Example,C=DE` (RFC 4514).

    None where it has no subject, or nothing here can read it.
    """
    try:
        from cryptography import x509  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        return None
    try:
        if certificate.startswith(b"-----BEGIN"):
            read = x509.load_pem_x509_certificate(certificate)
        else:
            read = x509.load_der_x509_certificate(certificate)
        return read.subject.rfc4514_string().encode() or None
    except ValueError:
        return None
