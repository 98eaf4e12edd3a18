"""Versions of a registry that nobody has signed."""

from __future__ import annotations

from collections.abc import Iterator

from serve_app.cluster.doctor.finding import Finding
from serve_app.errors import ServeError
from serve_app.registry.files import Files
from serve_app.registry.store import Registry

_SIGNATURES = "signatures"
_SHOWN = 5


def of_versions(url: str) -> Iterator[Finding]:
    """One finding of a registry: how many of its versions are unsigned, and which."""
    try:
        registry, files = Registry(url), Files(url)
        every = [(name, number) for name in registry.models() for number in registry.versions(name)]
        unsigned = [
            f"{name}@{number}"
            for name, number in every
            if not files.names(f"{name}/{number}/{_SIGNATURES}")
        ]
    except ServeError as error:
        yield Finding("warning", "signature", "registry", error.message)
        return
    if not every:
        return
    if not unsigned:
        yield Finding("ok", "signature", "registry", f"all {len(every)} versions are signed")
        return
    shown = ", ".join(unsigned[:_SHOWN])
    more = f" and {len(unsigned) - _SHOWN} more" if len(unsigned) > _SHOWN else ""
    text = f"{len(unsigned)} of {len(every)} versions are not signed: {shown}{more}"
    remedy = "who can write to the registry runs code here: sign versions and require signatures"
    yield Finding("warning", "signature", "registry", text, remedy)
