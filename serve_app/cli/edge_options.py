"""The options that say how HAProxy guards the main port."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

if TYPE_CHECKING:
    from serve_app.cluster.edge.options import Tls

Command = Callable[..., Any]
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OF_TLS = ("tls_certificate", "tls_key", "client_ca", "tls_min")
_NAMES = (
    "trusted_proxies",
    "allowed_hosts",
    "connections",
    "requests_per_s",
    "refusals_per_minute",
    "head_timeout_s",
)


_OPTIONS = (
    click.option(
        "--trusted-proxy",
        "trusted_proxies",
        multiple=True,
        metavar="NETWORK",
        help="Whose X-Forwarded-For and X-Forwarded-Proto are believed; may be repeated.",
    ),
    click.option(
        "--allowed-host",
        "allowed_hosts",
        multiple=True,
        metavar="HOST",
        help="Answer requests for this host alone, such as models.example.com or "
        "*.example.com; may be repeated.  [default: any]",
    ),
    click.option(
        "--client-connections",
        "connections",
        type=click.IntRange(min=0),
        default=1024,
        show_default=True,
        help="How many connections one client may have; 0 for any number.",
    ),
    click.option(
        "--client-requests-per-s",
        "requests_per_s",
        type=click.IntRange(min=0),
        default=0,
        help="How many requests one client may send in a second.  [default: any number]",
    ),
    click.option(
        "--client-refusals-per-minute",
        "refusals_per_minute",
        type=click.IntRange(min=0),
        default=100,
        show_default=True,
        help="How often one client may be answered 401 in a minute; 0 for any number.",
    ),
    click.option(
        "--head-timeout-s",
        type=click.IntRange(min=1),
        default=10,
        show_default=True,
        help="How long the head of a request may take, counted from connecting. Balancers "
        "that connect ahead want more.",
    ),
    click.option(
        "--tls-certificate",
        type=_FILE,
        help="Speak TLS on the main port, with this certificate and its chain (PEM).",
    ),
    click.option("--tls-key", type=_FILE, help="The certificate's private key (PEM)."),
    click.option(
        "--client-ca",
        type=_FILE,
        help="Clients may show certificates that one of these has signed (PEM).",
    ),
    click.option(
        "--tls-min",
        type=click.Choice(["1.2", "1.3"]),
        default="1.2",
        show_default=True,
        help="The oldest version of TLS.",
    ),
)


def of_the_edge(command: Command) -> Command:
    """The options of every node, each of which has an HAProxy of its own."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def taken_from(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a node, with those of its edge as `edge`.

    Raises:
        UsageError: a certificate lacks its key, or the other way round.
    """
    from serve_app.cluster.edge.options import EdgeOptions

    edge = {name: options[name] for name in _NAMES}
    tls = _tls(**{name: options[name] for name in _OF_TLS})
    own = {*_NAMES, *_OF_TLS}
    rest = {name: value for name, value in options.items() if name not in own}
    return {**rest, "edge": EdgeOptions(**edge, tls=tls)}


def _tls(
    tls_certificate: Path | None,
    tls_key: Path | None,
    client_ca: Path | None,
    tls_min: Literal["1.2", "1.3"],
) -> Tls | None:
    from serve_app.cluster.edge.options import Tls

    if tls_certificate is not None and tls_key is not None:
        return Tls(tls_certificate, tls_key, client_ca, tls_min)
    if tls_certificate is not None or tls_key is not None or client_ca is not None:
        raise click.UsageError("TLS needs both --tls-certificate and --tls-key")
    return None
