"""What is wrong with manifests, or with values of the chart, before a cluster has them.

Kubernetes drops fields that it does not know; the operator complains in a status; Serve finds out
when applications start. Here all of it is one list, by line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import yaml

from serve_app.documents.finding import Finding
from serve_app.documents.json_schema import documents, dotted, refused
from serve_app.documents.near_names import did_you_mean
from serve_app.documents.walk import at, mapping
from serve_app.documents.yaml_lines import Positions
from serve_app.platforms import written_rules
from serve_app.platforms.kubernetes import (
    annotation_names,
    clusters,
    kind_versions,
    operator_rules,
    pod_rules,
    port_rules,
    service_rules,
    together,
)
from serve_app.platforms.kubernetes.around_fields import KINDS, VERSIONS, around_schema
from serve_app.platforms.kubernetes.fields import cluster_schema, schema
from serve_app.platforms.kubernetes.groups import Body, Wrong
from serve_app.platforms.kubernetes.values import GROUPS, values_schema

ConfigCheck = Callable[[str], Iterable[Finding]]
"""What is wrong with a config for Serve, by its own lines; Ray is imported for it elsewhere."""
Rule = Callable[[Body], Wrong]
RULES: tuple[Rule, ...] = (
    *operator_rules.RULES,
    *pod_rules.RULES,
    *port_rules.RULES,
    *service_rules.RULES,
    written_rules.unfilled,
    written_rules.variables,
)
_RAY = "ray.io/"
_HEAD = frozenset(("apiVersion", "kind"))
SERVICE = "RayService"
OF_RAY = (SERVICE, clusters.KIND, "RayJob", "RayCronJob")
_OWN_VALUES = frozenset(("serveConfigV2", "rayVersion"))
_ONE_PROCESS = "ServingRuntime"
_OF_KNATIVE = "serving.knative.dev/"
_BLOCKS = ("|", "|-", "|+")


def recognised(body: Any) -> bool:
    """Whether a document is meant for Kubernetes."""
    if not isinstance(body, Mapping):
        return False
    # One of a pair may be misspelt.
    return bool(_HEAD & set(body)) or set(body) >= {"metadata", "spec"}


def values_recognised(body: Any) -> bool:
    """Whether a document holds values of the chart."""
    if not isinstance(body, Mapping) or "apiVersion" in body or "applications" in body:
        return False
    return bool(_OWN_VALUES & set(body)) or (bool(body) and set(body) <= GROUPS)


def findings(text: str, config: ConfigCheck | None = None) -> list[Finding]:
    """All that is wrong with a file of manifests, by line; `config` checks what it serves."""
    try:
        parts = documents(text)
    except yaml.YAMLError as error:
        return [_no_yaml(error)]
    made: list[Finding] = []
    services = [body for body, _ in parts if isinstance(body, Mapping) and _is_service(body)]
    for body, positions in parts:
        if not isinstance(body, Mapping) or not set(body) >= _HEAD:
            made += _without_head(body, positions)
        elif _is_service(body):
            served = _Served(body, service_rules.CONFIG, text, positions)
            made += refused(body, positions, schema())
            made += _by_rules(body, positions, RULES, served)
            made += served.findings(config)
        elif _is_rays(body, clusters.KIND):
            made += refused(body, positions, cluster_schema())
            made += _by_rules(body, positions, (clusters.wrong,))
        else:
            made += _of_another(body, positions)
        if isinstance(body, Mapping):
            made += _by_rules(body, positions, (partial(together.apart, services=services),))
    return sorted(set(made))


def values_findings(text: str, config: ConfigCheck | None = None) -> list[Finding]:
    """Everything that is wrong with values of the chart, by line; they may be a part of all."""
    try:
        ((body, positions),) = documents(text)
    except yaml.YAMLError as error:
        return [_no_yaml(error)]
    except ValueError:
        return [Finding(1, "", "values of the chart are one mapping")]
    made = refused(body, positions, values_schema(whole=False))
    made += _by_rules(body, positions, (_values_ray_version, written_rules.unfilled))
    made += _Served(body, ("serveConfigV2",), text, positions).findings(config)
    return sorted(set(made))


def _values_ray_version(body: Body) -> Wrong:
    """As `service_rules.ray_versions`, where the chart's values say it."""
    yield from service_rules.another_ray(("rayVersion",), mapping(body).get("rayVersion"))


def _without_head(body: Any, positions: Positions) -> Iterator[Finding]:
    lacking = sorted(_HEAD - set(mapping(body)))
    words = " and ".join(map(repr, lacking))
    yield Finding(positions.line(()), "", f"no document of Kubernetes: it lacks {words}")
    for key in mapping(body):
        meant = did_you_mean(str(key), lacking)
        if meant and key not in _HEAD:
            yield Finding(positions.line((key,)), str(key), f"there is no key {key!r} here.{meant}")


def _no_yaml(error: yaml.YAMLError) -> Finding:
    mark = getattr(error, "problem_mark", None)
    line = 1 if mark is None else mark.line + 1
    return Finding(line, "YAML", " ".join(str(error).split()))


def _by_rules(
    body: Any, positions: Positions, rules: Iterable[Rule], served: _Served | None = None
) -> Iterator[Finding]:
    for rule in rules:
        for path, message in rule(body):
            line = None if served is None else served.line_of(path)
            yield Finding(positions.line(path) if line is None else line, dotted(path), message)


def _is_rays(body: Mapping[str, Any], kind: str) -> bool:
    return str(body["apiVersion"]).startswith(_RAY) and body["kind"] == kind


def _is_service(body: Mapping[str, Any]) -> bool:
    return set(body) >= _HEAD and _is_rays(body, SERVICE)


def _of_another(body: Any, positions: Positions) -> Iterator[Finding]:
    """What stands around: no misspelt fields, no secrets, no line breaks."""
    kind = str(body["kind"])
    fields = around_schema(kind, str(body["apiVersion"]))
    if fields is not None:
        yield from refused(body, positions, fields)
    elif kind not in KINDS and body["apiVersion"] in VERSIONS:
        meant = did_you_mean(kind, {*KINDS, *OF_RAY})
        if meant and kind not in OF_RAY:
            yield Finding(positions.line(("kind",)), "kind", f"there is no {kind!r}.{meant}")
    if body["kind"] == "Secret":
        yield Finding(
            positions.line(("kind",)), "kind", "a secret is made in the cluster, not in a file"
        )
    yield from _by_rules(body, positions, _rules_of(body))
    yield from (
        Finding(one.line, dotted(one.path), f"stands twice, first in line {one.first_line}")
        for one in positions.duplicates()
    )


def _rules_of(body: Any) -> tuple[Rule, ...]:
    rules = (
        kind_versions.outdated,
        kind_versions.misspelt_kind,
        annotation_names.misspelt,
        annotation_names.unfit,
    )
    if str(body["apiVersion"]).startswith(_OF_KNATIVE):
        return (*rules, *written_rules.OF_ONE_PROCESS, annotation_names.ports_of_knative)
    if body["kind"] == _ONE_PROCESS:
        # KServe's own examples name images by tags, as those of other systems do.
        return (*rules, *written_rules.OF_ONE_PROCESS)
    return (*rules, service_rules.line_breaks, written_rules.unfilled)


class _Served:
    """The config that stands in a file, whose lines are lines of the file."""

    def __init__(
        self, body: Any, path: tuple[str | int, ...], text: str, positions: Positions
    ) -> None:
        """Take a document, where in it the config stands, and the whole file."""
        self._path = path
        self._line = positions.line(path)
        self.text = at(body, path)
        written = text.splitlines()[self._line - 1 : self._line]
        # In quotes its lines are not those of the file.
        self._is_block = any(one.split("#")[0].rstrip().endswith(_BLOCKS) for one in written)

    def line(self, line: int) -> int:
        """The line of the file for a line of the config."""
        return self._line + line if self._is_block else self._line

    def line_of(self, path: tuple[str | int, ...]) -> int | None:
        """The line of the file for a path of the document, where it leads into the config."""
        inner = path[len(self._path) :]
        if not inner or path[: len(self._path)] != self._path:
            return None
        return self.line(Positions.of(str(self.text)).line(inner))

    def findings(self, config: ConfigCheck | None) -> Iterator[Finding]:
        """What is wrong with what is served."""
        if config is None or self.text is None:
            return
        for one in config(str(self.text)):
            key = f"{dotted(self._path)}: {one.key}" if one.key else dotted(self._path)
            yield Finding(self.line(one.line), key, one.message)
