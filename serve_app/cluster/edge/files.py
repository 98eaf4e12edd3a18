"""Writes the edge's part of HAProxy's configuration, and tries it before anything depends on it."""

from __future__ import annotations

import hashlib
import hmac
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from serve_app.cluster.edge import rules
from serve_app.cluster.edge.certificate import write_certificate
from serve_app.cluster.edge.options import EdgeOptions
from serve_app.cluster.private_files import write_private
from serve_app.core.arrival import clock_name
from serve_app.errors import InvalidInput

FRONTEND = "http_frontend"
"""Serve's name of the frontend on the main port."""
EDITS = "edge.sed"
EDITS_AT_START = "edge-start.sed"
"""Edits of a configuration that knows no application yet."""
SECTIONS = "edge.cfg"
TOKEN = "edge-token"  # noqa: S105 - a file's name
_RULES = "edge.rules"
_DEFAULTS = "edge.defaults"
_TOKEN_BYTES = 32
_CHECK_TIMEOUT_S = 20
_SHOWN_CHARACTERS = 600
_LIKE_SERVES = f"""\
global
    maxconn 10
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend {FRONTEND}
    bind abns@serve-app-edge-check
    default_backend none
backend none
    http-request return status 404
"""


def edge_secret(auth_token: Path | None, draw: Callable[[int], bytes] = os.urandom) -> str:
    """A cluster's edge token, in 64 hexadecimal digits.

    All machines of one cluster must have the same, since the HAProxy of one asks gateways of
    another: it follows from what Ray's processes show each other, where they do. Without that it
    is drawn, and a gateway believes the HAProxy of its own machine alone.
    """
    if auth_token is None:
        return draw(_TOKEN_BYTES).hex()
    shared = auth_token.read_bytes().strip()
    return hmac.new(shared, b"serve-app edge token", hashlib.sha256).hexdigest()


def write_edge(folder: Path, options: EdgeOptions, secret: str | None) -> None:
    """Write the files of the edge into a cluster's own folder, for nobody else to read.

    Without the secret that `edge_secret` gives, gateways believe nothing of what HAProxy says.

    Raises:
        InvalidInput: the certificate or its key is none.
    """
    if secret is not None:
        write_private(folder / TOKEN, secret)
    if options.tls is not None:
        write_certificate(folder, options.tls)
    write_private(folder / _DEFAULTS, rules.defaults(options))
    # A gateway that believes nothing need not hear of it, and files of images may be another's.
    clock = None if secret is None else clock_name()
    write_private(folder / _RULES, rules.frontend(options, secret, clock))
    write_private(folder / SECTIONS, rules.SECTIONS)
    words = rules.listening(options.tls, folder).replace("\\", r"\\").replace("|", r"\|")
    edits = f"""\
/^ *errorfile 50[234] /d
/^defaults$/r {folder / _DEFAULTS}
/^frontend {FRONTEND}$/,/^ *bind /{{
s|^\\( *bind [^ ]*\\)$|\\1{words}|
/^ *bind /r {folder / _RULES}
}}
"""
    write_private(folder / EDITS, edits)
    unknown = f"s|http-request return status 404.*|{rules.before_applications()}|"
    write_private(folder / EDITS_AT_START, f"/^backend default_backend$/,/^$/ {unknown}\n")


def check_edge(folder: Path, binary: str) -> None:
    """Let HAProxy read the files of the edge.

    Raises:
        InvalidInput: it does not take them; says what it said.
    """
    tried = folder / "edge-check.cfg"
    write_private(folder / "edge-check", _LIKE_SERVES)
    edited = subprocess.run(  # noqa: S603 - our own arguments
        ["/bin/sed", "-f", str(folder / EDITS), str(folder / "edge-check")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    write_private(tried, edited)
    done = subprocess.run(  # noqa: S603 - our own arguments
        [binary, "-c", "-f", str(tried), "-f", str(folder / SECTIONS)],
        capture_output=True,
        text=True,
        timeout=_CHECK_TIMEOUT_S,
        check=False,
    )
    tried.unlink()
    (folder / "edge-check").unlink()
    if done.returncode or rules.FIRST not in edited:
        printed = " ".join(done.stderr.split())[-_SHOWN_CHARACTERS:]
        raise InvalidInput(f"HAProxy does not take what guards the main port: {printed}")
