"""A provider of nodes for Ray's autoscaler whose machines are nodes on this one.

The autoscaler's process imports it. A node is started and ended with the commands that
people type on a real machine, and what is asked of the provider is written to a file.
"""

import json
import os
import subprocess
from pathlib import Path
from threading import RLock
from typing import Any

from ray.autoscaler.node_provider import NodeProvider
from ray.autoscaler.tags import NODE_KIND_HEAD, TAG_RAY_NODE_KIND, TAG_RAY_USER_NODE_TYPE

HEAD = "machine-0"
STARTED, JOINED, ENDED = "started", "joined", "ended"


class Machines(NodeProvider):
    """Starts nodes that join a cluster, and ends them.

    `provider` of the description says whom to ask: `command` is the path of `serve-app`,
    `home` where it is run and what happened is written, `address` the head's, `ports` the
    first of ten for each node.
    """

    def __init__(self, provider_config: dict[str, Any], cluster_name: str) -> None:
        super().__init__(provider_config, cluster_name)
        self._lock = RLock()
        self._home = Path(provider_config["home"])
        head = {TAG_RAY_NODE_KIND: NODE_KIND_HEAD, TAG_RAY_USER_NODE_TYPE: "head"}
        self._tags: dict[str, dict[str, str]] = {HEAD: head}
        self._joined = {HEAD}
        self._count = 0

    def non_terminated_nodes(self, tag_filters: dict[str, str]) -> list[str]:
        with self._lock:
            return [
                node for node, tags in self._tags.items() if tag_filters.items() <= tags.items()
            ]

    def is_running(self, node_id: str) -> bool:
        return node_id in self._joined

    def is_terminated(self, node_id: str) -> bool:
        return node_id not in self._tags

    def node_tags(self, node_id: str) -> dict[str, str]:
        return self._tags[node_id]

    def set_node_tags(self, node_id: str, tags: dict[str, str]) -> None:
        self._tags[node_id].update(tags)

    def external_ip(self, node_id: str) -> str:
        return "127.0.0.1"

    def internal_ip(self, node_id: str) -> str:
        return "127.0.0.1"

    def create_node_with_resources_and_labels(
        self,
        node_config: dict[str, Any],
        tags: dict[str, str],
        count: int,
        resources: dict[str, float],
        labels: dict[str, str],
    ) -> None:
        for _ in range(count):
            with self._lock:
                self._count += 1
                node = f"machine-{self._count}"
                self._tags[node] = dict(tags)
            self._note(node, STARTED)
            ports = self.provider_config["ports"] + (self._count - 1) * 11
            self._command(
                node,
                "join", self.provider_config["address"], "--cpus", str(int(resources["CPU"])),
                "--drain-s", "1", "--http-port", str(ports), "--internal-ports", str(ports + 1),
                "--token-file", "./state/ray-token",
            )  # fmt: skip
            self._joined.add(node)
            self._note(node, JOINED)

    def terminate_node(self, node_id: str) -> None:
        with self._lock:
            self._tags.pop(node_id, None)
            self._joined.discard(node_id)
        self._command(node_id, "stop")
        self._note(node_id, ENDED)

    def _command(self, node: str, *arguments: str) -> None:
        done = subprocess.run(
            [self.provider_config["command"], "cluster", *arguments, "--state", f"./{node}"],
            cwd=self._home,
            env={
                **os.environ,
                # How Ray's autoscaler knows its machines again among the nodes of the cluster.
                "RAY_CLOUD_INSTANCE_ID": node,
                "RAY_NODE_TYPE_NAME": self._tags.get(node, {}).get(TAG_RAY_USER_NODE_TYPE, ""),
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            self._note(node, done.stderr)
            raise RuntimeError(done.stderr)

    def _note(self, node: str, what: str) -> None:
        with self._lock, journal(self._home).open("a") as file:
            file.write(json.dumps([node, what]) + "\n")


def journal(home: Path) -> Path:
    """Where a provider writes what happened."""
    return home / "machines.jsonl"


def happened(home: Path) -> list[tuple[str, str]]:
    """What happened to which machine so far, in order."""
    file = journal(home)
    lines = file.read_text().splitlines() if file.exists() else []
    return [(node, what) for node, what in map(json.loads, lines)]
