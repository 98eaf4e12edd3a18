"""What no schema knows of a cluster's file: rules of ours, each with its reason in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from serve_app.documents import walk
from serve_app.documents.near_names import did_you_mean, nearest_names, same_names
from serve_app.documents.walk import Path
from serve_app.platforms import written_rules
from serve_app.platforms.ray_up.docker_options import docker_options
from serve_app.platforms.ray_up.ray_files import ray_version

Wrong = Iterator[tuple[Path, str]]
Body = Mapping[str, Any]

COMMANDS = (
    "initialization_commands",
    "setup_commands",
    "head_setup_commands",
    "worker_setup_commands",
    "head_start_ray_commands",
    "worker_start_ray_commands",
)
_FILLED_IN = COMMANDS[1:3] + COMMANDS[4:]
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}\Z")
_RAY_PIN = re.compile(r"\bray(?:\[[\w, -]*\])?\s*==\s*([\w.]+)")
_EVERYBODY = frozenset(("0.0.0.0/0", "::/0"))
_SCRIPTS = frozenset(("UserData", "value", *COMMANDS))
"""Keys below which a value of several lines is a script, as it is meant."""
_SECRET_KEY = re.compile(
    r"(?i)(secret_access_key|session_token|password|passwd|api_key|private_key_data|credentials)$"
)
_SECRETS = {
    "an access key of AWS": re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "Ray's token": re.compile(r"\bRAY_AUTH_TOKEN=(?!\$)\S+"),
    "a password in a URL": re.compile(r"://[^/\s:@]+:[^/\s:@$]+@"),
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_HOP_LIMIT = 1
_RESOURCES = ("CPU", "GPU", "TPU", "NPU", "HPU", "memory", "object_store_memory")
"""Resources that Ray itself gives out."""


def images(body: Body) -> Wrong:
    """One image for every node, by its digest."""
    docker = walk.mapping(body.get("docker"))
    places: list[Path] = [("docker", key) for key in ("image", "head_image", "worker_image")]
    places += [
        ("available_node_types", name, "docker", "worker_image") for name in _node_types(body)
    ]
    used = {path: str(value) for path in places if (value := walk.at(body, path)) is not None}
    for path, image in used.items():
        if not _DIGEST.search(image):
            yield (
                path,
                (
                    f"{image!r} names no image by its digest, so that nodes could run different "
                    "ones and with them different versions of Ray; write NAME@sha256:DIGEST"
                ),
            )
    first = next(iter(used.values()), None)
    for path, image in used.items():
        if image != first and _DIGEST.search(image) and _DIGEST.search(str(first)):
            yield path, f"all nodes must run one image, with one version of Ray: {first} here too"
    if used and not docker.get("container_name"):
        yield ("docker",), "lacks container_name, without which Ray uses no container at all"


def ray_versions(body: Body) -> Wrong:
    """Every version of Ray that a command installs is the one installed here."""
    expected = ray_version()
    for path, command in _commands(body):
        for pinned in _RAY_PIN.findall(command):
            if expected is not None and pinned != expected:
                yield (
                    path,
                    (
                        f"installs Ray {pinned}, but this machine, which runs ray up, has "
                        f"{expected}; all nodes and ray up itself need the same version"
                    ),
                )


def filled_in(body: Body) -> Wrong:
    """Nothing is left to Ray's defaults, whose commands fetch a Ray of their own."""
    for key in _FILLED_IN:
        if key not in body:
            yield (
                (),
                (
                    f"lacks {key}: Ray would fill in its own, which start without serve-app's "
                    "environment, or install another Ray; write [] where there is nothing to do"
                ),
            )


def node_types(body: Body) -> Wrong:
    """The head is one of the types, and the workers asked for are allowed."""
    types = _node_types(body)
    if walk.at(body, ("provider", "type")) == "local":
        if types:
            yield ("available_node_types",), "Ray refuses node types for machines that are there"
        return
    if not types:
        yield (), "lacks available_node_types: which machines there may be"
        return
    head = body.get("head_node_type")
    if head not in types:
        meant = did_you_mean(str(head), types)
        yield (
            ("head_node_type",),
            f"{head!r} is none of available_node_types: {', '.join(types)}.{meant}",
        )
    wanted = sum(_number(one.get("min_workers")) for one in types.values())
    most = body.get("max_workers")
    if isinstance(most, int) and wanted > most:
        yield ("max_workers",), f"is {most}, but the node types' min_workers add up to {wanted}"
    for name, one in types.items():
        if _number(one.get("min_workers")) > _number(one.get("max_workers"), wanted):
            path = ("available_node_types", name, "min_workers")
            yield path, f"is more than max_workers, {one['max_workers']}"


def resources(body: Body) -> Wrong:
    """Ray takes any name for a resource of somebody's own, and one that is misspelt for one."""
    for name, one in _node_types(body).items():
        path = ("available_node_types", name, "resources")
        for key, value in walk.mapping(one.get("resources")).items():
            if key in _RESOURCES:
                if isinstance(value, str):
                    yield (*path, key), f"is {value!r}; Ray takes a number, and bytes for memory"
                continue
            near = same_names(key, _RESOURCES) or nearest_names(key, _RESOURCES)
            if near and abs(len(near[0]) - len(str(key))) <= 1:
                words = "would be a resource of your own, which nothing asks for"
                yield (*path, key), f"{key!r} {words}. Did you mean {near[0]!r}?"


def open_to_everybody(body: Body) -> Wrong:
    """Nobody but the cluster and its load balancer reaches a machine."""
    rules = walk.at(body, ("provider", "security_group", "IpPermissions")) or []
    for index, rule in enumerate(rules if isinstance(rules, Sequence) else []):
        ranges = [
            *walk.mapping(rule).get("IpRanges", ()),
            *walk.mapping(rule).get("Ipv6Ranges", ()),
        ]
        if any(_EVERYBODY & set(map(str, walk.mapping(one).values())) for one in ranges):
            path = ("provider", "security_group", "IpPermissions", index)
            yield (
                path,
                ("lets the whole internet in; name the load balancer's group in UserIdGroupPairs"),
            )
    if walk.at(body, ("provider", "type")) != "local" and not walk.at(
        body, ("provider", "use_internal_ips")
    ):
        yield (
            ("provider",),
            ("lacks use_internal_ips: true; each machine would get an address on the internet"),
        )


def amazon(body: Body) -> Wrong:
    """Machines of EC2 are in groups of their own, and give their keys to nobody else."""
    if walk.at(body, ("provider", "type")) != "aws":
        return
    for name, one in _node_types(body).items():
        path = ("available_node_types", name, "node_config")
        config = walk.mapping(one.get("node_config"))
        if not config.get("SecurityGroupIds") and not config.get("NetworkInterfaces"):
            yield (
                path,
                ("lacks SecurityGroupIds: Ray would make a group that lets everybody in by SSH"),
            )
        options = walk.mapping(config.get("MetadataOptions"))
        if options.get("HttpTokens") != "required":
            yield (
                (*path, "MetadataOptions"),
                (
                    "needs HttpTokens: required; without it, a request that a model is tricked "
                    "into gets the machine's keys"
                ),
            )
        if options.get("HttpPutResponseHopLimit") != _HOP_LIMIT:
            yield (
                (*path, "MetadataOptions"),
                (
                    "needs HttpPutResponseHopLimit: 1; the container shares the machine's network, "
                    "and nobody farther away may ask for its keys"
                ),
            )


def secrets(body: Body) -> Wrong:
    """No secret stands in the file: Ray copies it to the head and prints parts of it."""
    for path, value in walk.texts(body):
        key = str(path[-1])
        if _SECRET_KEY.search(key) and value and not value.startswith(("~", "/", ".", "$")):
            yield path, "is a secret; files of clusters are copied, printed and committed"
        for what, pattern in _SECRETS.items():
            if pattern.search(value):
                yield (
                    path,
                    (
                        f"holds {what}; give a role to the machine, or a file by file_mounts, "
                        "instead"
                    ),
                )


def newlines(body: Body) -> Wrong:
    """A value is one line: in a second one, whoever chose it would write commands of the cluster's.

    Scripts have several, and are left alone.
    """
    for path, value in walk.texts(body):
        if walk.LINE_BREAK.search(value) and not _SCRIPTS & set(path):
            yield path, f"{value!r} has a line break, which no name, path or option may have"
    for path, value in walk.keys(body):
        if walk.LINE_BREAK.search(value):
            yield path, f"the key {value!r} has a line break"


def names(body: Body) -> Wrong:
    """The cluster's name is part of names of machines and files."""
    name = body.get("cluster_name")
    if isinstance(name, str) and not _NAME.fullmatch(name):
        yield ("cluster_name",), f"{name!r} names no cluster; write letters, digits, - and _ alone"


RULES: tuple[Callable[[Body], Wrong], ...] = (
    images,
    ray_versions,
    filled_in,
    node_types,
    resources,
    open_to_everybody,
    amazon,
    secrets,
    newlines,
    names,
    docker_options,
    written_rules.unfilled,
)


def _commands(body: Body) -> Iterator[tuple[Path, str]]:
    """Each command that a node runs, by where it stands."""
    for path, value in walk.texts(body):
        if any(part in COMMANDS for part in path):
            yield path, value


def _node_types(body: Body) -> dict[str, Mapping[str, Any]]:
    types = walk.mapping(body.get("available_node_types"))
    return {str(name): walk.mapping(one) for name, one in types.items()}


def _number(value: Any, otherwise: int = 0) -> int:
    return value if isinstance(value, int) else otherwise
