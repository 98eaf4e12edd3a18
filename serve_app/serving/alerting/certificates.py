"""Who may vouch for those to whom alerts are sent."""

import ssl

from serve_app.errors import Unavailable
from serve_app.monitoring.alerts.words import one_line


def context_of(ca_file: str | None) -> ssl.SSLContext:
    """What checks certificates and names: by the system's authorities, or those of a file.

    Raises:
        Unavailable: the file cannot be read.
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise Unavailable(f"`ca_file` {ca_file} cannot be read: {error}") from None


def untrusted(host: str, error: ssl.SSLCertVerificationError) -> str:
    """What to do about a certificate that was refused."""
    return (
        f"the certificate of {host} cannot be trusted ({one_line(error.verify_message)}); if it is "
        "one of your own, name who vouches for it in `ca_file`"
    )
