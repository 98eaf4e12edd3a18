"""The kinds of files that describe where serve-app runs: how each is known, and how checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from serve_app.documents.finding import Finding
from serve_app.documents.json_schema import documents
from serve_app.platforms import systemd_checks
from serve_app.platforms.images.dockerfile_checks import check_dockerfile, is_dockerfile
from serve_app.platforms.kubernetes import checks as kubernetes
from serve_app.platforms.ray_up import checks as ray_up
from serve_app.platforms.serverless import checks as serverless

ConfigCheck = Callable[[str], Iterable[Finding]]
"""What is wrong with a config for Serve that stands in such a file, by the config's own lines."""


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of file: whether one of its documents is of it, and what is wrong with its text.

    Where it holds a config, what checks one is given.
    """

    name: str
    recognises: Callable[[Any], bool]
    findings: Callable[[str, ConfigCheck], list[Finding]]


KINDS: Mapping[str, FileKind] = {
    kind.name: kind
    for kind in (
        FileKind("manifests", kubernetes.recognised, kubernetes.findings),
        FileKind("chart values", kubernetes.values_recognised, kubernetes.values_findings),
        FileKind("ray up", ray_up.recognised, lambda text, _: ray_up.findings(text)),
    )
}
"""By name, in the order in which they are tried."""


SERVERLESS = FileKind(
    "functions and endpoints", lambda _: False, lambda text, _: serverless.findings(text)
)
"""Those of CloudFormation have tags that YAML does not know, and so are known by their text."""
UNIT = FileKind("systemd unit", lambda _: False, lambda text, _: systemd_checks.findings(text))
"""Of systemd, whose files are no YAML either."""


def dockerfile_kind(arguments: Mapping[str, str]) -> FileKind:
    """The kind of Dockerfiles that are built with these `--build-arg`s; they are no YAML."""
    return FileKind(
        "Dockerfile", lambda _: False, lambda text, _: check_dockerfile(text, arguments)
    )


def kind_of(text: str, arguments: Mapping[str, str] | None = None) -> FileKind | None:
    """The kind of a file by what stands in it; none where that is no kind of these.

    `arguments` are those that a Dockerfile is built with.
    """
    if is_dockerfile(text):
        return dockerfile_kind(arguments or {})
    if systemd_checks.is_unit(text):
        return UNIT
    if serverless.recognised(text):
        return SERVERLESS
    try:
        bodies = [body for body, _ in documents(text)]
    except yaml.YAMLError:
        return None
    known = (kind for kind in KINDS.values() if any(map(kind.recognises, bodies)))
    return next(known, None)
