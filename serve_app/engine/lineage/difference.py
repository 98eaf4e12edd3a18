"""What differs between two versions, and nothing of what does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from serve_app.core.json_values import finite
from serve_app.registry.lineage import Dataset, Environment, Lineage
from serve_app.registry.manifest import Manifest

Section = Literal[
    "model", "parameters", "metrics", "schema", "data", "code", "libraries", "machine", "run",
    "files",
]  # fmt: skip
Values = dict[tuple[Section, str], Any]
_MODEL = ("flavour", "format", "origin", "pickle", "trusted_types", "needs", "warnings")


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that differs, in JSON's types; none on the side that does not have it."""

    section: Section
    what: str
    before: Any
    after: Any


def differences(before: Manifest, after: Manifest) -> list[Difference]:
    """What differs between two versions, in the order of the sections.

    When and by whom they were registered always differs and is left out, and so are times that
    were measured at registration. Where one has no environment, libraries that it needs are
    compared, and not all that were installed.
    """
    both = [one.lineage is not None and one.lineage.environment for one in (before, after)]
    one, other = (_values(each, installed=all(both)) for each in (before, after))
    keys = dict.fromkeys((*one, *other))
    return [
        Difference(*key, one.get(key), other.get(key))
        for key in sorted(keys, key=_place)
        if one.get(key) != other.get(key)
    ]


_ORDER: tuple[str, ...] = get_args(Section)


def _place(key: tuple[Section, str]) -> tuple[int, str]:
    return _ORDER.index(key[0]), key[1]


def _values(manifest: Manifest, *, installed: bool) -> Values:
    """Everything that a comparison looks at, by its section and name.

    `installed` lets the environment count.
    """
    body = finite(manifest.model_dump(mode="json"))
    lineage = manifest.lineage or Lineage()
    environment = lineage.environment if installed else None
    values: Values = {}
    parts: tuple[tuple[Section, Iterator[tuple[str, Any]]], ...] = (
        ("model", _model(manifest, body)),
        ("parameters", _flat(body["parameters"])),
        ("metrics", _metrics(body)),
        ("schema", _schema(body["signature"])),
        ("data", _data(manifest, lineage)),
        ("code", _code(manifest, lineage)),
        ("libraries", _libraries(manifest, environment)),
        ("machine", _machine(environment)),
        ("run", _run(lineage)),
        ("files", ((one.path, f"{one.sha256} ({one.size_bytes} bytes)") for one in manifest.files)),
    )
    for section, pairs in parts:
        values |= {(section, what): value for what, value in pairs if value not in (None, [], {})}
    return values


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested mappings by their dotted paths; lists are leaves."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else key)
    elif path:
        yield path, value


def _model(manifest: Manifest, body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "name", manifest.name
    yield from ((key, body[key]) for key in _MODEL)
    compiled = manifest.compiled
    if compiled is not None:
        yield "compiled", compiled.served
        yield "compiled.reason", compiled.reason
        yield "compiled.backend", compiled.backend
        yield from _flat((body["compiled"] or {}).get("quantised"), "quantised")


def _metrics(body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    metrics = body["metrics"] or {}
    yield from _flat({key: one for key, one in metrics.items() if one})
    lineage = body.get("lineage") or {}
    yield from _flat(lineage.get("metrics") or {}, "run")


def _schema(signature: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    inputs = signature["inputs"]
    yield "columns", [column["name"] for column in inputs]
    for at, column in enumerate(inputs):
        # Two columns of an old model may have one name.
        same = [one["name"] for one in inputs[:at]].count(column["name"])
        name = f"column {column['name']}" + (f" ({same + 1})" if same else "")
        yield from ((f"{name}: {key}", one) for key, one in column.items() if key != "name")
    yield from _flat(signature["output"], "output")
    yield from _flat({k: v for k, v in signature.items() if k not in {"inputs", "output"}})


def _data(manifest: Manifest, lineage: Lineage) -> Iterator[tuple[str, Any]]:
    if manifest.training is not None:
        training = manifest.training
        yield "source", training.source
        yield "target", training.target
        if lineage.dataset("training") is None:
            yield "training rows", training.rows
            yield "training fingerprint", training.fingerprint
    for name in ("training_window", "holdout_window"):
        period = getattr(lineage, name)
        yield name.replace("_", " "), None if period is None else str(period)
    for one in lineage.data:
        yield from ((f"{one.role} {what}", value) for what, value in _dataset(one))


def _dataset(one: Dataset) -> Iterator[tuple[str, Any]]:
    yield "rows", one.rows
    yield "fingerprint", one.fingerprint
    yield "times", None if one.time_range is None else str(one.time_range)
    yield "label cut-off", one.label_cutoff
    yield "snapshot", one.snapshot
    yield from ((f"file {file.path}", file.sha256) for file in one.files)


def _code(manifest: Manifest, lineage: Lineage) -> Iterator[tuple[str, Any]]:
    code = lineage.code
    yield "commit", manifest.git_commit if code is None else code.commit
    yield "changes since", None if code is None else code.diff_sha256
    yield "modules stored with it", list(manifest.code)


def _libraries(manifest: Manifest, environment: Environment | None) -> Iterator[tuple[str, Any]]:
    known = {} if environment is None else environment.libraries
    yield from {**known, **manifest.libraries}.items()


def _machine(machine: Environment | None) -> Iterator[tuple[str, Any]]:
    if machine is not None:
        yield "python", machine.python
        yield "platform", machine.platform
        yield "cpu features", list(machine.cpu_features)
        yield "threads", machine.threads
        yield "process", machine.process


def _run(lineage: Lineage) -> Iterator[tuple[str, Any]]:
    yield "run", lineage.run_id
    yield "trigger", lineage.trigger_id
    yield "parent", lineage.parent
    yield from _flat(lineage.seeds, "seed")
    yield from _flat(lineage.digests, "digest")
