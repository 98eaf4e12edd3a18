"""The file that `ray up` reads, made of a description."""

from __future__ import annotations

from typing import Any

from serve_app.documents.yaml_text import yaml_text
from serve_app.platforms.ray_up import commands
from serve_app.platforms.ray_up.description import Description, Place
from serve_app.platforms.ray_up.places import HEAD

CONTAINER = "serve-app"
_RUN_OPTIONS = (
    "--ulimit=nofile=65536:65536",
    "--shm-size=512m",
    # Ray runs bash in the image, and its processes leave orphans: Docker's own init reaps them.
    "--init",
    "--entrypoint=''",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
)
_HEADER = """\
# A cluster of serve-app for `ray up`, written by: serve-app export ray-up {kind}
# Change the values, not the keys; then check it:
#   serve-app validate --production cluster.yaml
#   ray up cluster.yaml
#   ray exec cluster.yaml 'cd ~/serve-app && serve-app keys create ops --scope "*" \\
#     --output-file ops.key'
#   ray exec cluster.yaml 'cd ~/serve-app && SERVE_APP_API_KEY_FILE=ops.key serve-app deploy \\
#     configs/production.yaml'
# Ray's token is made once (openssl rand -hex 32 > ray-token; chmod 600 ray-token) and copied to the
# machines; it does not stand here. docs/ray-up.md explains the rest.
"""


def text(cluster: Description, place: Place, kind: str) -> str:
    """A file for `ray up`; `kind` is how the command calls the provider.

    Equal descriptions give equal files.
    """
    return _HEADER.format(kind=kind) + yaml_text(document(cluster, place))


def document(cluster: Description, place: Place) -> dict[str, Any]:
    """What the file says. Nothing is left for Ray to fill in that it would fetch something for."""
    types = place.node_types(cluster)
    machines = {"available_node_types": types, "head_node_type": HEAD} if types else {}
    return {
        "cluster_name": cluster.name,
        "max_workers": _most_workers(cluster, place),
        "upscaling_speed": 1.0,
        "idle_timeout_minutes": cluster.idle_minutes,
        "provider": {"type": place.type, **place.provider()},
        "auth": {**_auth(cluster), **place.auth()},
        **machines,
        "docker": _container(cluster),
        "file_mounts": {
            f"{commands.HOME}/{commands.TOKEN}": cluster.token,
            f"{commands.HOME}/{commands.CONFIGS}": cluster.configs,
            **commands.certificates(cluster.edge),
        },
        "initialization_commands": [],
        "setup_commands": commands.setup_commands(cluster),
        "head_setup_commands": commands.head_setup_commands(place.head_needs()),
        "worker_setup_commands": [],
        "head_start_ray_commands": commands.head_start_commands(
            cluster, machines_stay=place.type == "local"
        ),
        "worker_start_ray_commands": commands.worker_start_commands(cluster),
    }


def _most_workers(cluster: Description, place: Place) -> int:
    """Machines that stay all belong to the cluster."""
    listed = place.provider().get("worker_ips")
    return cluster.max_workers if listed is None else len(listed)


def _auth(cluster: Description) -> dict[str, Any]:
    key = {} if cluster.ssh_key is None else {"ssh_private_key": cluster.ssh_key}
    return {"ssh_user": cluster.ssh_user, **key}


def _container(cluster: Description) -> dict[str, Any]:
    if cluster.image is None:
        return {}
    return {
        "image": cluster.image,
        "container_name": CONTAINER,
        "pull_before_run": True,
        "disable_automatic_runtime_detection": True,
        "run_options": list(_RUN_OPTIONS),
    }
