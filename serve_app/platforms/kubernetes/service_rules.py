"""What a RayService as a whole must say, and nobody else checks: rules of ours with reasons."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

import yaml

from serve_app.documents.walk import LINE_BREAK, at, items, keys, mapping, texts
from serve_app.documents.yaml_reading import read_yaml
from serve_app.errors import InvalidInput
from serve_app.platforms.images.places import EVERYWHERE, HTTP_PORT
from serve_app.platforms.images.quoting import image_reference
from serve_app.platforms.kubernetes.groups import CLUSTER, Body, Path, Wrong, cluster_of, groups
from serve_app.platforms.ray_up.ray_files import ray_version

CONFIG: Path = ("spec", "serveConfigV2")
_SECRET_NAME = re.compile(r"(?i)(password|passwd|secret|token|api_?key|access_?key)$")
_SECRETS = {
    "an access key of AWS": re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a password in a URL": re.compile(r"://[^/\s:@]+:[^/\s:@$]+@"),
}
_SCRIPTS = frozenset(("serveConfigV2", "args", "command", "annotations", "data"))
"""Below these a text of several lines is one, as it is meant."""
_INSTALLERS = ("pip", "uv", "conda")
_OPTIONAL = "lets pods start without the secret, where nobody sees that it is missing; leave it out"


def images(body: Body) -> Wrong:
    """One image for every node, by its digest."""
    used: dict[Path, str] = {}
    for group in groups(body):
        image = group.container.get("image")
        if image is not None:
            used[(*group.container_path, "image")] = str(image)
    first = next(iter(used.values()), None)
    for path, image in used.items():
        try:
            image_reference(image, "the image")
        except InvalidInput as error:
            yield path, error.message
        else:
            if image != first:
                yield path, f"all nodes run one image, with one version of Ray: {first} here too"


def ray_versions(body: Body) -> Wrong:
    """The operator is told the version that the image has, which is that of this release."""
    yield from another_ray((*CLUSTER, "rayVersion"), cluster_of(body).get("rayVersion"))


def another_ray(path: Path, written: Any) -> Wrong:
    """A version of Ray that is written at a path, and is not the one that images have."""
    installed = ray_version()
    if written is not None and installed is not None and written != installed:
        yield (
            path,
            (
                f"is {written}, but this release of serve-app runs on Ray {installed}, and its "
                "images have it"
            ),
        )


def one_writer(body: Body) -> Wrong:
    """Two clusters side by side must not write one database of SQLite."""
    head = groups(body)[0]
    claims = [
        mapping(one).get("name")
        for one in items(head.pod.get("volumes"))
        if "persistentVolumeClaim" in mapping(one)
    ]
    state = next(
        (
            mapping(one).get("name")
            for one in items(head.container.get("volumeMounts"))
            if str(mapping(one).get("mountPath", "")).endswith("/state")
        ),
        None,
    )
    kind = at(body, ("spec", "upgradeStrategy", "type")) or "NewCluster"
    if state is not None and state in claims and kind != "None":
        yield (
            ("spec", "upgradeStrategy"),
            (
                f"is {kind}, but the head keeps its state on a volume that a second cluster would "
                "write too; write type: None, or keep state in PostgreSQL"
            ),
        )


def the_head_serves_nobody(body: Body) -> Wrong:
    """The head holds the cluster together; a full one takes all others with it."""
    head = groups(body)[0]
    if head.parameters.get("num-cpus") != "0":
        yield (*head.path, "rayStartParams"), 'needs num-cpus: "0", so that no model runs there'
    elif at(body, ("spec", "excludeHeadPodFromServeSvc")) is not True:
        yield ("spec",), "lacks excludeHeadPodFromServeSvc: true; the head has no replicas"


def secrets(body: Body) -> Wrong:
    """A secret is named, never written: manifests are committed, copied and printed."""
    for group in groups(body):
        for name, value in group.environment.items():
            if value and _SECRET_NAME.search(name):
                yield group.variable_path(name), f"{name} is a secret; write valueFrom.secretKeyRef"
    for key in ("redisPassword", "redisUsername"):
        path = (*CLUSTER, "gcsFaultToleranceOptions", key, "value")
        if at(body, path) is not None:
            yield path, "is a secret; write valueFrom.secretKeyRef"
    inside = [((*CONFIG, *where), text) for where, text in texts(config_of(body))]
    for where, text in [*texts(body), *inside]:
        if where == CONFIG and inside:
            continue
        for what, pattern in _SECRETS.items():
            if pattern.search(text):
                yield where, f"holds {what}; name a secret instead"


def secrets_that_may_be_missing(body: Body) -> Wrong:
    """A pod without its secret does not start, and says so; with `optional` it starts without."""
    for group in groups(body):
        for index, one in enumerate(items(group.container.get("env"))):
            if at(one, ("valueFrom", "secretKeyRef", "optional")):
                path: Path = ("env", index, "valueFrom", "secretKeyRef", "optional")
                yield (*group.container_path, *path), _OPTIONAL
        for index, one in enumerate(items(group.pod.get("volumes"))):
            if at(one, ("secret", "optional")):
                yield (*group.pod_path, "volumes", index, "secret", "optional"), _OPTIONAL


def line_breaks(body: Body) -> Wrong:
    """A value is one line: in a second one, whoever chose it would write the manifest's."""
    for where, text in texts(body):
        if LINE_BREAK.search(text) and not _SCRIPTS & set(where):
            yield where, f"{text!r} has a line break, which no name, path or option may have"
    for where, key in keys(body):
        if LINE_BREAK.search(key):
            yield where, f"the key {key!r} has a line break"


def configs(body: Body) -> Wrong:
    """What the config needs of the cluster; what it says itself is checked beside."""
    config = config_of(body)
    options = mapping(config.get("http_options"))
    if options.get("host") != EVERYWHERE or options.get("port", HTTP_PORT) != HTTP_PORT:
        yield (
            CONFIG,
            (
                f"needs http_options: {{host: {EVERYWHERE}, port: {HTTP_PORT}}}; proxies of other "
                "pods, and Kubernetes, reach nothing else"
            ),
        )
    for place, environment in _environments(config):
        for installer in _INSTALLERS:
            if installer in environment:
                yield (
                    (*CONFIG, *place, installer),
                    (
                        "is installed on each node at each start, unpinned, from the internet; put "
                        "it into the image"
                    ),
                )
    offered = {"CPU", "GPU", "memory"}.union(*map(_resources, groups(body)))
    for place, wanted in _wanted(config):
        if wanted not in offered:
            yield (
                (*CONFIG, *place),
                f"no group of the cluster has {wanted!r}; its rayStartParams.resources say what",
            )


def keys_files(body: Body) -> Wrong:
    """The file of those who may ask is where gateways look for it."""
    config = config_of(body)
    mounts = [
        PurePosixPath(str(mapping(one).get("mountPath", "")))
        for group in groups(body)[1:]
        for one in items(group.container.get("volumeMounts"))
    ]
    for index, application in enumerate(items(config.get("applications"))):
        place = ("applications", index, "args", "access", "keys_file")
        file = at(application, place[2:])
        if isinstance(file, str) and PurePosixPath(file).parent not in mounts:
            yield (
                (*CONFIG, *place),
                (
                    f"no pod that serves has a volume at {PurePosixPath(file).parent}; mount the "
                    "secret there that was made of the file of serve-app keys create --file"
                ),
            )


def config_of(body: Body) -> Any:
    """What serveConfigV2 holds; nothing where it is no YAML, which its own check says."""
    try:
        return mapping(read_yaml(str(at(body, CONFIG) or "")))
    except yaml.YAMLError:
        return {}


def _environments(config: Any) -> list[tuple[Path, Any]]:
    made: list[tuple[Path, Any]] = []
    for place, deployment in _deployments(config):
        options = mapping(mapping(deployment).get("ray_actor_options"))
        made.append(((*place, "ray_actor_options", "runtime_env"), options.get("runtime_env")))
    for index, application in enumerate(items(mapping(config).get("applications"))):
        environment = mapping(application).get("runtime_env")
        made.append((("applications", index, "runtime_env"), environment))
    return [(place, mapping(one)) for place, one in made]


def _wanted(config: Any) -> list[tuple[Path, str]]:
    return [
        ((*place, "ray_actor_options", "resources", str(name)), str(name))
        for place, deployment in _deployments(config)
        for name in mapping(at(deployment, ("ray_actor_options", "resources")))
    ]


def _deployments(config: Any) -> list[tuple[Path, Any]]:
    return [
        (("applications", index, "deployments", inner), deployment)
        for index, application in enumerate(items(mapping(config).get("applications")))
        for inner, deployment in enumerate(items(mapping(application).get("deployments")))
    ]


def _resources(group: Any) -> set[str]:
    """The custom resources of a group, from the text that its shell sees."""
    text = str(group.parameters.get("resources", "")).strip("'").strip('"').replace("\\", "")
    try:
        return set(mapping(json.loads(text or "{}"))) | set(mapping(group.body.get("resources")))
    except ValueError:
        return set()


RULES: tuple[Callable[[Body], Wrong], ...] = (
    images,
    ray_versions,
    one_writer,
    the_head_serves_nobody,
    secrets,
    secrets_that_may_be_missing,
    line_breaks,
    configs,
    keys_files,
)
