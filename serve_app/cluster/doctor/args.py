"""What the args of a gateway leave open beside who may ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from serve_app.cluster.doctor.finding import Finding
from serve_app.core.hosts import is_loopback


def of_args(args: Mapping[str, Any]) -> Iterator[Finding]:
    """Whether changes are written down, and whether keys travel where others can read them."""
    yield _of_audit(args)
    for subject, host, tls in _ports(args):
        if is_loopback(host):
            continue
        if tls:
            yield Finding("ok", "transport", subject, "TLS")
        else:
            text = "plain: whoever is on the way reads keys and rows"
            yield Finding("warning", "transport", subject, text, f"give {subject} `tls`")
    management = (args.get("access") or {}).get("management") or {}
    if management.get("declared"):
        text = "management calls may change what was deployed by a file"
        remedy = "let single endpoints say `managed: true` instead"
        yield Finding("warning", "access", "management", text, remedy)


def _of_audit(args: Mapping[str, Any]) -> Finding:
    audit = args.get("audit")
    if not isinstance(audit, Mapping):
        text = "off: nobody can tell later who changed what"
        return Finding("warning", "audit", "audit log", text, "set `audit` in the gateway's args")
    if not audit.get("checkpoint_key"):
        text = "without checkpoints: lines at its end can be cut off unseen"
        return Finding("warning", "audit", "audit log", text, "set its `checkpoint_key`")
    return Finding("ok", "audit", "audit log", "on, with checkpoints")


def _ports(args: Mapping[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """The ports that gateways open themselves: what for, on which host, whether with TLS."""
    for one in args.get("listeners") or ():
        subject = f"{one['port']} listener {one['profile']}"
        yield subject, str(one.get("host", "127.0.0.1")), bool(one.get("tls"))
    if args.get("grpc_port") is not None:
        host = str(args.get("grpc_host", "127.0.0.1"))
        yield f"{args['grpc_port']} gRPC", host, bool(args.get("grpc_tls"))
    admin = args.get("admin")
    if isinstance(admin, Mapping) and "port" in admin:
        host = str(admin.get("host", "127.0.0.1"))
        yield f"{admin['port']} admin API", host, bool(admin.get("tls"))
