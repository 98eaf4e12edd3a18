"""Which kind of file of a platform a text is, and what is wrong with it.

A file's kind is told by what it holds, since its name says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from serve_app.documents.finding import Finding
from serve_app.documents.json_schema import documents
from serve_app.platforms.kubernetes import checks as kubernetes
from serve_app.platforms.ray_up import checks as ray_up

ConfigCheck = Callable[[str], Iterable[Finding]]
"""What is wrong with a config for Serve that stands in a file of a platform."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: its name, what a document of it is known by, and its check."""

    name: str
    recognises: Callable[[Any], bool]
    findings: Callable[[str, ConfigCheck], list[Finding]]


KINDS = (
    Kind("manifests", kubernetes.recognised, kubernetes.findings),
    Kind("values of the chart", kubernetes.values_recognised, kubernetes.values_findings),
    Kind("file for ray up", ray_up.recognised, lambda text, _: ray_up.findings(text)),
)


def kind_of(text: str) -> Kind | None:
    """The kind of a file, by its first document that has one; none where it may be a config."""
    try:
        bodies = [body for body, _ in documents(text)]
    except yaml.YAMLError:
        return None
    return next(_kinds(bodies), None)


def _kinds(bodies: Iterable[Any]) -> Iterator[Kind]:
    for body in bodies:
        yield from (kind for kind in KINDS if kind.recognises(body))
