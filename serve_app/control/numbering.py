"""Numbers snapshots, and notes in which of them what changed last."""

from __future__ import annotations

from dataclasses import replace

from serve_app.core.access import Access
from serve_app.core.snapshot import Snapshot


def numbered(snapshot: Snapshot, former: Snapshot) -> Snapshot:
    """The snapshot that follows a former one, with the versions in which what changed last."""
    version = former.version + 1
    epochs = {
        name: former.epochs.get(name, version)
        if name in former.endpoints
        and former.endpoints[name].route.weights == endpoint.route.weights
        and former.endpoints[name].route.steering == endpoint.route.steering
        else version
        for name, endpoint in snapshot.endpoints.items()
    }
    unchanged = snapshot.endpoints.keys() == former.endpoints.keys() and all(
        endpoint.equals_except_steering(former.endpoints[name])
        for name, endpoint in snapshot.endpoints.items()
    )
    description = former.description if unchanged and former.description else version
    return replace(
        snapshot, version=version, epochs=epochs, description=description,
        access=_access(snapshot, former, version),
    )  # fmt: skip


def _access(snapshot: Snapshot, former: Snapshot, version: int) -> Access:
    """Who has keys, changed in this version where it is not as in the one before."""
    if snapshot.access == former.access:
        return former.access
    return replace(snapshot.access, changed_in=version)
