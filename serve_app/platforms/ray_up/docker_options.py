"""Options of `docker run`, which Ray passes on: with an unknown one no node starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from serve_app.documents.near_names import did_you_mean
from serve_app.documents.walk import Path, items, mapping

OPTIONS = frozenset((
    "--add-host", "--annotation", "--attach", "--blkio-weight", "--blkio-weight-device",
    "--cap-add", "--cap-drop", "--cgroup-parent", "--cgroupns", "--cidfile", "--cpu-count",
    "--cpu-percent", "--cpu-period", "--cpu-quota", "--cpu-rt-period", "--cpu-rt-runtime",
    "--cpu-shares", "--cpus", "--cpuset-cpus", "--cpuset-mems", "--detach", "--detach-keys",
    "--device", "--device-cgroup-rule", "--device-read-bps", "--device-read-iops",
    "--device-write-bps", "--device-write-iops", "--disable-content-trust", "--dns",
    "--dns-option", "--dns-search", "--domainname", "--entrypoint", "--env", "--env-file",
    "--expose", "--gpus", "--group-add", "--health-cmd", "--health-interval", "--health-retries",
    "--health-start-interval", "--health-start-period", "--health-timeout", "--hostname",
    "--init", "--interactive", "--ip", "--ip6", "--ipc", "--isolation", "--kernel-memory",
    "--label", "--label-file", "--link", "--link-local-ip", "--log-driver", "--log-opt",
    "--mac-address", "--memory", "--memory-reservation", "--memory-swap", "--memory-swappiness",
    "--mount", "--name", "--net", "--network", "--network-alias", "--no-healthcheck",
    "--oom-kill-disable", "--oom-score-adj", "--pid", "--pids-limit", "--platform",
    "--privileged", "--publish", "--publish-all", "--pull", "--quiet", "--read-only", "--restart",
    "--rm", "--runtime", "--security-opt", "--shm-size", "--sig-proxy", "--stop-signal",
    "--stop-timeout", "--storage-opt", "--sysctl", "--tmpfs", "--tty", "--ulimit",
    "--use-api-socket", "--user", "--userns", "--uts", "--volume", "--volume-driver",
    "--volumes-from", "--workdir",
))  # fmt: skip
_LISTS = ("run_options", "head_run_options", "worker_run_options")


def docker_options(body: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Options of containers that Docker does not have."""
    places: list[Path] = [("docker", key) for key in _LISTS]
    for name, one in mapping(body.get("available_node_types")).items():
        docker = mapping(mapping(one).get("docker"))
        places += [("available_node_types", name, "docker", key) for key in docker]
    for place in places:
        listed: Any = body
        for part in place:
            listed = mapping(listed).get(part)
        for index, written in enumerate(items(listed)):
            name = str(written).split("=")[0].split(" ")[0]
            if name.startswith("--") and name not in OPTIONS:
                meant = did_you_mean(name, OPTIONS)
                yield (*place, index), f"docker run has no option {name}.{meant}"
