"""A plan: what a deploy of a file would change, and of what that is true."""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pydantic

from serve_app.config import ControlSettings
from serve_app.control.declare import declare
from serve_app.core.snapshot import Endpoint
from serve_app.errors import Conflict, InvalidInput, ServeError
from serve_app.registry.store import Registry
from serve_app.serving.deploying import declaration
from serve_app.serving.deploying.superseded import as_kept
from serve_app.serving.planning import difference
from serve_app.serving.planning.difference import PlannedChange
from serve_app.serving.planning.references import references_of

SCHEMA = 1
Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands in a cluster: the config that Serve was given last, and what was set since.

    `weights` are those that were set at run time, by endpoint and version, `rollouts` the
    candidates of endpoints whose rollouts are under way, `cpus` all that the nodes have (None
    where that can grow, or nobody tells).
    """

    config: Config
    weights: Mapping[str, Mapping[str, float]]
    rollouts: Mapping[str, str]
    cpus: float | None = None

    @property
    def digest(self) -> str:
        """What a plan is compared by: the same while nothing is deployed or set."""
        return _digest([self.config, self.weights, self.rollouts])


@dataclass(frozen=True, slots=True)
class Plan:
    """What a deploy of a file changes, with the digests of all that this was made of.

    `file_sha256` is that of the file's bytes, `standing` that of what stood, `versions` those of
    the manifests of every version that the file asks, by reference; an alias names one, too.
    """

    file: str
    file_sha256: str
    standing: str
    versions: Mapping[str, str]
    changes: tuple[PlannedChange, ...]

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON values."""
        return {"schema": SCHEMA, **dataclasses.asdict(self), "versions": dict(self.versions)}

    @classmethod
    def decode(cls, content: bytes) -> "Plan":
        """Read what was written of `to_json`.

        Raises:
            InvalidInput: it is no plan, or that of another release.
        """
        try:
            body = json.loads(content)
            if body.pop("schema") != SCHEMA:
                raise InvalidInput("the plan is of another release; make it again: serve-app plan")
            return _plan_type.validate_python(body)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise InvalidInput(
                "this is no plan; serve-app plan FILE --out PLAN makes one"
            ) from None


_plan_type = pydantic.TypeAdapter(Plan)


def plan_of(file: str, content: bytes, given: Config, standing: Standing, store: Registry) -> Plan:
    """What a deploy of a file changes.

    `content` are the bytes of the file, and `given` the config in it.
    """
    before, after = declaration.endpoints(standing.config), declaration.endpoints(given)
    changes = [
        *difference.applications(as_kept(standing.config), as_kept(given)),
        *difference.endpoints(before, after),
        *_schemas(standing.config, given, store),
        *_superseded(standing, before, after),
        *_capacity(standing, given),
    ]
    return Plan(
        file,
        hashlib.sha256(content).hexdigest(),
        standing.digest,
        versions_of(given, store),
        tuple(changes),
    )


def check_fresh(plan: Plan, now: Plan) -> None:
    """Let a plan pass that would be made just so now.

    Raises:
        Conflict: the file, what stands, or a version is another since, or the plan does not list
            what would change; says which.
    """
    moved = []
    if plan.file_sha256 != now.file_sha256:
        moved.append(f"{plan.file} was changed")
    if plan.standing != now.standing:
        moved.append("something was deployed or set in the cluster")
    moved += [
        f"{reference} is another version now"
        for reference in sorted({*plan.versions, *now.versions})
        if plan.versions.get(reference) != now.versions.get(reference)
    ]
    if not moved and _listed(plan) != _listed(now):
        moved.append("it does not list what would change, as if somebody had edited it")
    if moved:
        msg = f"the plan is stale, and nothing was deployed: {'; '.join(moved)}; make it again"
        raise Conflict(msg, moved=moved)


def _listed(plan: Plan) -> str:
    """The changes that a plan lists; nodes may come and go, so what they hold may differ."""
    changes = [dataclasses.asdict(one) for one in plan.changes if one.what != "capacity"]
    return json.dumps(changes, sort_keys=True, default=str)


def versions_of(config: Config, store: Registry) -> dict[str, str]:
    """The digests of the manifests of all versions that a config asks, by their references.

    One that cannot be read has none: deploying says what is wrong with it.
    """
    digests: dict[str, str] = {}
    for reference in references_of(config):
        try:
            digests[reference] = store.manifest(*store.resolve(reference)).digest
        except ServeError:
            digests[reference] = ""
    return digests


def _schemas(before: Config, after: Config, store: Registry) -> Iterator[PlannedChange]:
    old, new = (_descriptions(config, store) for config in (before, after))
    for name in sorted({*old} & {*new}):
        yield from difference.schema_changes(name, old[name].signature, new[name].signature)


def _descriptions(config: Config, store: Registry) -> Mapping[str, Endpoint]:
    """The endpoints of a config in full; those that cannot be described are left out."""
    try:
        settings = ControlSettings.model_validate({"endpoints": declaration.endpoints(config)})
        return declare(settings, store.manifest, store.resolve).endpoints
    except (pydantic.ValidationError, ServeError):
        return {}


def _superseded(
    standing: Standing, before: Mapping[str, Config], after: Mapping[str, Config]
) -> Iterator[PlannedChange]:
    """What was set at run time and ends with a changed declaration."""
    if before == after:
        return
    for name, weights in sorted(standing.weights.items()):
        if name in after:
            declared = difference.weights_of(after[name])
            words = "weights that were set at run time end; those of the file stand"
            yield PlannedChange("change", "weights", name, words, dict(weights), declared)
    for name, candidate in sorted(standing.rollouts.items()):
        if before.get(name, {}).get("route") != after.get(name, {}).get("route"):
            words = f"the rollout of {candidate} that is under way ends"
            yield PlannedChange("change", "rollout", name, words, candidate, None)


def _capacity(standing: Standing, given: Config) -> Iterator[PlannedChange]:
    was, now = difference.least_cpus(standing.config), difference.least_cpus(given)
    lacking = standing.cpus is not None and now > standing.cpus
    if round(was - now, 6) or lacking:
        words = "CPUs that replicas reserve at least"
        if standing.cpus is not None:
            words += f"; the cluster has {standing.cpus:g}" + (", too few" if lacking else "")
        yield PlannedChange("change", "capacity", "cluster", words, round(was, 4), round(now, 4))


def _digest(value: Any) -> str:
    canonical = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()
