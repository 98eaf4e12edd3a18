"""TLS of ports that gateways open themselves."""

from serve_app.config.base import Frozen
from serve_app.config.names import Location


class TlsSettings(Frozen):
    """The certificate that a port shows, and whose certificates clients must show there.

    All are files in PEM: `certificate` with its chain, `key` without a password, `client_ca` with
    those who sign clients' certificates; without it clients show none. Files that change are read
    again, without a restart.
    """

    certificate: Location
    key: Location
    client_ca: Location | None = None
