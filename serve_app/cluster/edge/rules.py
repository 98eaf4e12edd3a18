"""HAProxy's configuration at the edge: rules of the main port, and sections of their own.

The rules stand first in the frontend that Serve writes, so that nothing of Serve's is decided
before them. Names of ours begin with `edge_`. Strings in them hold no quote.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from serve_app.cluster.edge.certificate import CERTIFICATE, CLIENT_CA
from serve_app.cluster.edge.options import EdgeOptions, Tls
from serve_app.core.arrival import ARRIVAL_HEADER
from serve_app.core.edge_token import (
    CERTIFICATE_DIGEST_HEADER,
    CERTIFICATE_NAME_HEADER,
    CERTIFICATE_SUBJECT_HEADER,
    CLAIM_PREFIXES,
    CLAIMS,
    EDGE_HEADER,
    SCHEME_HEADER,
    SOURCE_HEADER,
)

HEALTH = "/-/healthz"
FIRST = f"acl edge_health path {HEALTH}"
"""The line with which the rules of the frontend begin."""
STALL_S = 60
"""So long may a client send nothing of a body, or take nothing of an answer."""
MAX_HEADERS = 64
MAX_STREAMS = 100
NO_GATEWAY = "no gateway answers at present; try again later"
UNKNOWN = "# no application is known yet"
"""Ends the line that answers for all paths until one is."""
_SOON = " hdr retry-after 1"
_OF_SERVE = (
    "x-request-timeout-seconds",
    "x-request-disconnect-disabled",
    "serve-multiplexed-model-id",
    "x-session-id",
)
_KEYS = ("authorization", "x-api-key")
_CIPHERS = ":".join(
    f"ECDHE-{signature}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for signature in ("ECDSA", "RSA")
)
_SUITES = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"


def defaults(options: EdgeOptions) -> str:
    """Lines of the section `defaults`.

    Load balancers connect ahead, and must not find a 408 that answers nothing; many keep an idle
    connection for a minute. What HAProxy says where it gets no answer of a gateway is said in the
    form of all errors, and with the status that tells clients whether to come again.
    """
    return f"""\
    timeout http-request {options.head_timeout_s}s
    timeout http-keep-alive 90s
    timeout client-fin 5s
    timeout tunnel 60s
    option http-ignore-probes
    http-error {_error(502, "the gateway that had this request ended; send it again")}
    http-error {_error(503, NO_GATEWAY, _SOON)}
    http-error {_error(504, "the gateway that has this request did not answer in time")}
"""


def before_applications() -> str:
    """What is answered for every path as long as Serve does not know of any application yet."""
    return f"http-request return {_error(503, NO_GATEWAY, _SOON)} {UNKNOWN}"


def frontend(options: EdgeOptions, token: str | None, clock: str | None) -> str:
    """Lines of the frontend on the main port, which show gateways the token where there is one.

    When a request came they are told by the clock of that name, which is this machine's.
    """
    lines = [FIRST, *_connections(options), *_refusals(options), *_limits(options)]
    lines += _headers(options)
    if clock is not None:
        lines.append(f"http-request set-header {ARRIVAL_HEADER} {clock}/%[date(0,ms)]")
    if token is not None:
        # Behind all that is vouched for: what gateways read after it are trailers of clients.
        lines.append(f"http-request set-header {EDGE_HEADER} {token}")
    return "".join(f"    {line}\n" for line in lines)


SECTIONS = f"""\
global
    tune.http.maxhdr {MAX_HEADERS}
    tune.h2.fe.max-concurrent-streams {MAX_STREAMS}
backend edge_sources
    stick-table type ipv6 size 100k expire 10m store conn_cur,http_req_rate(1s),gpc0_rate(60s)
backend edge_credentials
    stick-table type binary len 32 size 100k expire 30m
"""
"""Sections of their own, which need no place in those that Serve writes."""


def listening(tls: Tls | None, folder: Path) -> str:
    """What follows the address of a `bind`; certificates are those in `folder`."""
    if tls is None:
        return ""
    words = (
        f' ssl crt "{folder / CERTIFICATE}" alpn h2,http/1.1 ssl-min-ver TLSv{tls.minimum} '
        f"no-tls-tickets ciphers {_CIPHERS} ciphersuites {_SUITES} curves X25519:P-256:P-384"
    )
    if tls.client_ca is not None:
        words += f' ca-file "{folder / CLIENT_CA}" verify optional'
    return words


def _connections(options: EdgeOptions) -> Iterator[str]:
    if options.trusted_proxies:
        yield f"acl edge_proxy src {' '.join(options.trusted_proxies)}"
    unless = " unless edge_proxy" if options.trusted_proxies else ""
    yield f"timeout client {STALL_S}s"
    yield f"tcp-request connection track-sc0 src table edge_sources{unless}"
    if options.connections:
        # Above the bound it is answered 429; far above it nothing is kept of it at all.
        bound = 2 * options.connections
        yield f"tcp-request connection reject if {{ sc0_conn_cur(edge_sources) gt {bound} }}"


def _refusals(options: EdgeOptions) -> Iterator[str]:
    """What is refused whoever asks."""
    yield "option http-restrict-req-hdr-names reject"
    yield _answer(405, "this method is not for servers like this") + " if { method CONNECT }"
    bad = _answer(400, "the Host header is no host")
    yield f"{bad} if {{ req.hdr(host) -m sub / ? \\# @ \\\\ }}"
    if options.allowed_hosts:
        whole = [one for one in options.allowed_hosts if not one.startswith("*.")]
        if whole:
            yield f"acl edge_host req.hdr(host),host_only,lower -m str {' '.join(whole).lower()}"
        for one in options.allowed_hosts:
            if one.startswith("*."):
                yield f"acl edge_host req.hdr(host),host_only,lower -m end {one[1:].lower()}"
        yield _answer(400, "this server answers for other hosts") + " if !edge_host !edge_health"
    # Serve and its replicas tell there which applications they have.
    inside = "{ path,url_dec,lower -m beg /-/ }"
    yield _answer(404, "nothing is at this path") + f" if {inside} !edge_health"


def _limits(options: EdgeOptions) -> Iterator[str]:
    if options.trusted_proxies:
        named = f"{{ req.hdr({SOURCE_HEADER}) -m found }}"
        # `src` is another one from here on.
        yield "http-request set-var(txn.edge_via) bool(true) if edge_proxy"
        yield "acl edge_via var(txn.edge_via) -m bool"
        yield f"http-request set-src req.hdr_ip({SOURCE_HEADER},-1) if edge_via {named}"
        yield "http-request track-sc0 src table edge_sources if edge_via"
    if options.connections:
        bound = f"{{ sc0_conn_cur(edge_sources) gt {options.connections} }}"
        yield _busy("too many connections of one client") + f" if {bound} !edge_health"
    if options.requests_per_s:
        bound = f"{{ sc0_http_req_rate(edge_sources) gt {options.requests_per_s} }}"
        yield _busy("too many requests of one client") + f" if {bound} !edge_health"
    if options.refusals_per_minute:
        yield from _of_refused_credentials(options.refusals_per_minute)


def _of_refused_credentials(bound: int) -> Iterator[str]:
    """Who guesses credentials is slowed down, and nobody else behind the same address."""
    key = "var(txn.edge_key)"
    for name in _KEYS:
        unknown = f"{{ req.fhdr({name}) -m found }} !{{ {key} -m found }}"
        yield f"http-request set-var(txn.edge_key) req.fhdr({name}),sha2(256) if {unknown}"
    yield "http-request set-var(txn.edge_post) bool(true) if METH_POST"
    many = f"{{ sc0_gpc0_rate(edge_sources) gt {bound} }}"
    known = f"{{ {key},in_table(edge_credentials) -m bool }}"
    words = "too many requests of this client were refused, since nobody knows who sends them"
    yield _busy(words, retry_after_s=60) + f" if {many} !{known} !edge_health"
    yield "http-response sc-inc-gpc0(0) if { status 401 }"
    # Pages that are for everybody would make any credential a known one.
    accepted = f"{{ status 200 }} {{ var(txn.edge_post) -m found }} {{ {key} -m found }}"
    yield f"http-response track-sc1 {key} table edge_credentials if {accepted}"


def _headers(options: EdgeOptions) -> Iterator[str]:
    """Only what is known here stays of what a request says of its own origin."""
    yield "http-request set-var(txn.edge_scheme) str(https) if { ssl_fc }"
    if options.trusted_proxies:
        given = f"req.hdr({SCHEME_HEADER})"
        yield (
            f"http-request set-var(txn.edge_scheme) {given} "
            f"if edge_via {{ {given} -m str http https }}"
        )
    yield "http-request set-var(txn.edge_scheme) str(http) unless { var(txn.edge_scheme) -m found }"
    for prefix in CLAIM_PREFIXES:
        yield f"http-request del-header {prefix} -m beg"
    for name in (*CLAIMS, *_OF_SERVE, EDGE_HEADER):
        yield f"http-request del-header {name}"
    yield f"http-request set-header {SOURCE_HEADER} %[src]"
    yield f"http-request set-header {SCHEME_HEADER} %[var(txn.edge_scheme)]"
    if options.tls is not None and options.tls.client_ca is not None:
        verified = "if { ssl_c_used } { ssl_c_verify 0 }"
        for name, what in {
            CERTIFICATE_NAME_HEADER: "ssl_c_s_dn(cn)",
            CERTIFICATE_SUBJECT_HEADER: 'ssl_c_s_dn("",0,rfc2253)',
            CERTIFICATE_DIGEST_HEADER: "ssl_c_der,sha2(256),hex,lower",
        }.items():
            yield f"http-request set-header {name} %[{what}] {verified}"


def _busy(message: str, retry_after_s: int = 1) -> str:
    return _answer(429, f"{message}; try again later", f" hdr retry-after {retry_after_s}")


def _answer(status: int, message: str, headers: str = "") -> str:
    return f"http-request return {_error(status, message, headers)}"


def _error(status: int, message: str, headers: str = "") -> str:
    """An answer in the form that gateways give errors, for clients of all kinds."""
    body = json.dumps({"error": message, "message": message, "code": status})
    return f"status {status} content-type application/json string '{body}'{headers}"
