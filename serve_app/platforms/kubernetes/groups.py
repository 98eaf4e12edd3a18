"""The groups of pods that a RayService describes, as rules look at them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from serve_app.documents.walk import at, items, mapping

Path = tuple[str | int, ...]
Body = Mapping[str, Any]
Wrong = Iterator[tuple[Path, str]]
CLUSTER: Path = ("spec", "rayClusterConfig")
_POD: Path = ("template", "spec")
# The operator starts Ray in the first container, whatever its name.
_CONTAINER: Path = (*_POD, "containers", 0)


@dataclass(frozen=True, slots=True)
class Group:
    """The head, or pods that are alike: where the group stands, and what it says."""

    path: Path
    name: str
    is_head: bool
    body: Mapping[Any, Any]

    @property
    def pod_path(self) -> Path:
        """Where the description of a pod stands."""
        return (*self.path, *_POD)

    @property
    def pod(self) -> Mapping[Any, Any]:
        """The description of a pod."""
        return mapping(at(self.body, _POD))

    @property
    def container_path(self) -> Path:
        """Where Ray's container stands."""
        return (*self.path, *_CONTAINER)

    @property
    def container(self) -> Mapping[Any, Any]:
        """Ray's container."""
        return mapping(at(self.body, _CONTAINER))

    @property
    def parameters(self) -> Mapping[Any, Any]:
        """What `ray start` is told."""
        return mapping(self.body.get("rayStartParams"))

    @property
    def environment(self) -> dict[str, Any]:
        """Ray's variables that are written out; those from elsewhere are None."""
        listed = map(mapping, items(self.container.get("env")))
        return {str(one.get("name")): one.get("value") for one in listed}

    def variable_path(self, name: str) -> Path:
        """Where a variable stands, or else the list of all."""
        for index, one in enumerate(items(self.container.get("env"))):
            if mapping(one).get("name") == name:
                return (*self.container_path, "env", index)
        return (*self.container_path, "env")


def groups(body: Body) -> list[Group]:
    """The head and all groups beside."""
    cluster = cluster_of(body)
    head_path = (*CLUSTER, "headGroupSpec")
    made = [Group(head_path, "the head", True, mapping(cluster.get("headGroupSpec")))]
    for index, one in enumerate(items(cluster.get("workerGroupSpecs"))):
        path = (*CLUSTER, "workerGroupSpecs", index)
        group = mapping(one)
        made.append(Group(path, str(group.get("groupName", index)), False, group))
    return made


def cluster_of(body: Body) -> Mapping[Any, Any]:
    """The description of the cluster."""
    return mapping(at(body, CLUSTER))


def number(value: Any) -> int | None:
    """A whole number, where it is one."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None
