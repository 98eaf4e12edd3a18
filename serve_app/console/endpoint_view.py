"""What the page of an endpoint shows, out of what the admin API tells of it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from serve_app.console.rendering import in_json, ms, rate
from serve_app.core.events import Event
from serve_app.core.reference import application_name
from serve_app.core.signature import Column, Signature
from serve_app.gateway.openapi.columns import json_type, made_up

MOST_FIELDS = 60
"""A form of more columns than that is one field of JSON."""
MOST_CHOICES = 50
GATEWAY = "Gateway"
"""The deployment of gateways, whatever their application is called."""
_SPLITTING = frozenset({"canary", "single", "split"})
"""Kinds of route of whose variants each answers a share of requests."""
_DECIDED_BY = {
    "bandit": "rewards decide who answers it",
    "canary": "its rollout decides who answers it",
    "cascade": "how sure its stages are decides who answers it",
    "rules": "its rules decide who answers it",
}
"""What decides in kinds of route that take no weights at run time."""
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class VariantLine:
    """A version of an endpoint: the share of requests that it is to get, and that it got.

    Both are None where the route gives no shares, or nothing was counted. `load` is how often it
    answers now, and how fast, as the admin API has it; None where it does not answer.
    """

    version: str
    weight: float
    wanted: float | None
    requests: int
    actual: float | None
    starts: bool
    load: Mapping[str, Any] | None = None
    load_words: str = ""


def variant_lines(
    endpoint: Mapping[str, Any], course: Mapping[str, Any], waiting: Iterable[str]
) -> list[VariantLine]:
    """The variants of an endpoint; `course` is how often it was asked of late, or empty.

    Versions that answered and are no variants, or no more, come last.
    """
    answered: Mapping[str, int] = course.get("versions", {})
    now = course.get("now", {})
    weights = {one["version"]: float(one["weight"]) for one in endpoint["variants"]}
    total, counted = sum(weights.values()), sum(answered.values())
    is_shared = splits(endpoint)
    starting = set(waiting)
    return [
        VariantLine(
            version,
            weights.get(version, 0.0),
            weights.get(version, 0.0) / total if is_shared and total else None,
            answered.get(version, 0),
            answered.get(version, 0) / counted if counted else None,
            version in starting,
            now.get("versions", {}).get(version),
            _load_words(now, version),
        )
        for version in dict.fromkeys([*weights, *answered])
    ]


def _load_words(now: Mapping[str, Any], version: str) -> str:
    """How often a version is asked now, in words; empty where it is not."""
    load, stage = (now.get(part, {}).get(version) for part in ("versions", "stages"))
    words = []
    if load is not None:
        words.append(f"{rate(load['requests_per_s'])}/s, p99 {ms(load['p99_s'])}")
    if stage is not None:
        words.append(f"asked {rate(stage['rows_per_s'])} rows/s")
    return ", ".join(words)


@dataclass(frozen=True, slots=True)
class ReplicaLine:
    """Who computes: how many replicas of a deployment are to run, how many do, and why."""

    computes: str
    application: str
    running: int
    wanted: int
    status: str
    why: str


def replica_lines(endpoint: Mapping[str, Any], status: Mapping[str, Any]) -> list[ReplicaLine]:
    """The deployments that answer for an endpoint; `status` is that of the whole cluster.

    What is computed in gateways has none of its own.
    """
    own = {} if endpoint["placement"] == "inline" else {
        application_name(version): version for version in versions_of(endpoint)
    }  # fmt: skip
    lines = []
    for one in status.get("applications", ()):
        computes = own.get(one["application"], "")
        if one["deployment"] == GATEWAY:
            computes = "routes and answers" if own else "all of it"
        if computes:
            lines.append(
                ReplicaLine(
                    computes, one["application"], one["replicas"], one["target_replicas"],
                    one["status"], one["why"],
                )
            )  # fmt: skip
    return sorted(lines, key=lambda line: line.computes not in own.values())


def splits(endpoint: Mapping[str, Any]) -> bool:
    """Whether the weights of an endpoint say which share of requests each variant gets."""
    return endpoint["route"] in _SPLITTING


def decided_by(endpoint: Mapping[str, Any]) -> str:
    """What decides in place of weights, in words; empty where weights may be set."""
    if endpoint["route"] == "single":
        return "it has one variant"
    return _DECIDED_BY.get(endpoint["route"], "")


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """A change of an endpoint; `weights` are those that stood after it, to be set again.

    `why_not` says why they cannot be set again; both are empty for changes of no weights.
    """

    at_s: float
    who: str
    kind: str
    why: str
    before: Any
    after: Any
    weights: Mapping[str, float] | None = None
    why_not: str = ""


def history_lines(
    name: str, events: Iterable[Event], declared: Iterable[Event], endpoint: Mapping[str, Any]
) -> list[HistoryLine]:
    """The changes of an endpoint, the newest first, with those declarations that changed it."""
    weights = {one["version"]: float(one["weight"]) for one in endpoint["variants"]}
    own = [(one, one.before, one.after) for one in events]
    for one in declared:
        before, after = ((side or {}).get(name) for side in (one.before, one.after))
        if before != after:
            own.append((one, before, after))
    own.sort(key=lambda line: (line[0].at_s, line[0].id or 0), reverse=True)
    instead = decided_by(endpoint)
    lines = [_history_line(event, before, after, weights) for event, before, after in own]
    return [
        replace(one, weights=None, why_not=instead) if instead and one.weights else one
        for one in lines
    ]


def last_changes(events: Iterable[Event]) -> dict[str, Event]:
    """The newest change of each endpoint; `events` come newest first."""
    newest: dict[str, Event] = {}
    for event in events:
        names = [event.subject]
        if event.kind == "declared":
            before, after = event.before or {}, event.after or {}
            names = [one for one in {**before, **after} if before.get(one) != after.get(one)]
        for name in names:
            newest.setdefault(name, event)
    return newest


def _history_line(
    event: Event, before: Any, after: Any, stands: Mapping[str, float]
) -> HistoryLine:
    line = (event.at_s, event.who, event.kind, event.why, before, after)
    if not _are_weights(after):
        return HistoryLine(*line)
    missing = sorted(set(after) - set(stands))
    if missing:
        return HistoryLine(*line, why_not=f"{', '.join(missing)} is no variant any more")
    weights = {version: float(after.get(version, 0.0)) for version in stands}
    if weights == stands:
        return HistoryLine(*line, why_not="stands now")
    return HistoryLine(*line, weights=weights)


def _are_weights(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and all(
            "@" in name and isinstance(weight, int | float) and not isinstance(weight, bool)
            for name, weight in value.items()
        )
    )


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the form that tries an endpoint: a column with a value as text."""

    name: str
    words: str
    value: str
    choices: tuple[str, ...] | None
    is_json: bool


def example_row(signature: Signature, sample: Mapping[str, Any] | None) -> Row:
    """A row that could be sent: of the sample of training, or else made up."""
    given = sample or {}
    return {column.name: given.get(column.name, made_up(column)) for column in signature.inputs}


def fields_of(signature: Signature, row: Mapping[str, Any]) -> list[Field] | None:
    """A field for each column; none where there are so many that JSON is better."""
    if len(signature.inputs) > MOST_FIELDS:
        return None
    return [_field(column, row.get(column.name)) for column in signature.inputs]


def _field(column: Column, value: Any) -> Field:
    choices = None
    if column.categories is not None and len(column.categories) <= MOST_CHOICES:
        choices = tuple(dict.fromkeys(in_json(one) for one in column.categories))
    elif column.dtype == "bool" and not column.shape:
        choices = ("true", "false")
    words = [column.dtype]
    if column.minimum is not None and column.maximum is not None:
        words.append(f"{column.minimum:g} to {column.maximum:g} in training")
    if column.nullable:
        words.append("may be empty")
    return Field(column.name, ", ".join(words), in_json(value), choices, bool(column.shape))


def row_of(signature: Signature, form: Mapping[str, str]) -> Row:
    """The row of a form; what is no number stays text, so that the answer says what is wrong.

    Empty fields are gaps.
    """
    return {one.name: _value(one, form.get(f"column.{one.name}", "")) for one in signature.inputs}


def _value(column: Column, text: str) -> Any:
    if text == "":
        return None
    kind = json_type(column)
    if not column.shape and kind == "string":
        return text
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    if not column.shape and kind == "number" and isinstance(value, int):
        return value if isinstance(value, bool) else float(value)
    return value


@dataclass(frozen=True, slots=True)
class Snippet:
    """How to ask from a shell or a program."""

    language: str
    code: str


def snippets(address: str, name: str, row: Mapping[str, Any], *, proves: bool) -> list[Snippet]:
    """A request for an endpoint at an address, of a row.

    With `proves` it has the key of the variable SERVE_APP_API_KEY, which the client in Python
    takes by itself.
    """
    url = f"{address}/v1/models/{name}:predict"
    body = orjson.dumps({"instances": [row]}, default=str).decode()
    curl = by_curl(url, body, proves=proves)
    python = (
        "from serve_app.client import Client\n\n"
        f"with Client({address!r}) as client:\n"
        f"    print(client.predict({name!r}, {orjson.loads(body)['instances']!r}))"
    )
    header = "\n    authorization: `Bearer ${process.env.SERVE_APP_API_KEY}`," if proves else ""
    script = (
        f"const answer = await fetch({orjson.dumps(url).decode()}, {{\n"
        '  method: "POST",\n'
        f'  headers: {{\n    "content-type": "application/json",{header}\n  }},\n'
        f"  body: JSON.stringify({body}),\n}});\nconsole.log(await answer.json());"
    )
    return [Snippet("curl", curl), Snippet("Python", python), Snippet("JavaScript", script)]


def by_curl(url: str, body: str, *, proves: bool) -> str:
    """How a shell sends a body of JSON."""
    key = ' \\\n  -H "authorization: Bearer $SERVE_APP_API_KEY"' if proves else ""
    return (
        f"curl -fsS {shlex.quote(url)}{key} \\\n"
        f"  -H 'content-type: application/json' -d {shlex.quote(body)}"
    )


def models_of(endpoint: Mapping[str, Any]) -> Sequence[str]:
    """Every model of whose versions an endpoint asks one."""
    return list(dict.fromkeys(one.rpartition("@")[0] for one in versions_of(endpoint)))


def versions_of(endpoint: Mapping[str, Any]) -> Sequence[str]:
    """Every version that an endpoint asks, in whatever place."""
    named = [one["version"] for one in endpoint["variants"]]
    named += [one["version"] for one in endpoint.get("shadows") or ()]
    fallback, before = endpoint.get("fallback"), endpoint.get("preprocess")
    meta = endpoint.get("meta")
    named += [fallback] if fallback else []
    named += [one["version"] for one in (before, meta) if one]
    return list(dict.fromkeys(named))
