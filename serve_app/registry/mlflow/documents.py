"""What is told to MLflow of a version: a run with its parameters, metrics, rows and tags.

Limits are those of MLflow's `utils/validation.py` (3.17): names of at most 250 characters, values
of parameters of at most 6,000, digests of datasets of at most 36.
"""

from __future__ import annotations

import hashlib
import json
import math
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from serve_app.registry.lineage import Dataset
from serve_app.registry.manifest import Manifest

DIGEST = "serve_app.digest"
VERSION = "serve_app.version"
LONGEST_VALUE = 6_000
_LONGEST_NAME = 250
_LONGEST_DIGEST = 36
_NOT_A_NAME = re.compile(r"[^\w.\- /]")


@dataclass(frozen=True, slots=True)
class RunDocument:
    """A run as MLflow keeps it; times are in milliseconds since 1970.

    `datasets` are `DatasetInput`s of its API, as JSON.
    """

    name: str
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    datasets: tuple[Mapping[str, Any], ...]
    began_ms: int
    ended_ms: int


def document_of(manifest: Manifest) -> RunDocument:
    """What a version says of the run that made it: the same for the same manifest."""
    lineage = manifest.lineage
    ended_ms = round(datetime.fromisoformat(manifest.created_at).timestamp() * 1000)
    took_s = 0.0 if lineage is None or lineage.duration_s is None else lineage.duration_s
    datasets = () if lineage is None else lineage.data
    return RunDocument(
        name=manifest.reference if lineage is None else lineage.run_id or manifest.reference,
        parameters=dict(_parameters(manifest.parameters)),
        metrics=dict(_metrics(manifest)),
        tags=dict(_tags(manifest)),
        datasets=tuple(_dataset(manifest, one) for one in datasets),
        began_ms=ended_ms - round(took_s * 1000),
        ended_ms=ended_ms,
    )


def _parameters(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in given.items():
        text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
        yield _named(name), _cut(text)


def _cut(text: str) -> str:
    """A value that fits, with the digest of all of it, so that two of them can be compared."""
    if len(text) <= LONGEST_VALUE:
        return text
    digest = f" … sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    return text[: LONGEST_VALUE - len(digest)] + digest


def _metrics(manifest: Manifest) -> Iterator[tuple[str, float]]:
    groups: dict[str, Mapping[str, Any]] = {}
    if manifest.metrics is not None:
        of_version = manifest.metrics
        groups = {
            "held_out": of_version.held_out,
            "cross_validated": of_version.cross_validated,
            "baseline": of_version.baseline,
        }
    if manifest.lineage is not None:
        groups["run"] = manifest.lineage.metrics
    for group, values in groups.items():
        for name, value in values.items():
            if value is not None and math.isfinite(value):
                yield _named(f"{group}/{name}"), float(value)


def _tags(manifest: Manifest) -> Iterator[tuple[str, str]]:
    yield VERSION, manifest.reference
    yield DIGEST, manifest.digest
    yield "serve_app.flavour", manifest.flavour
    yield "mlflow.user", manifest.created_by
    lineage = manifest.lineage
    if lineage is None:
        return
    if lineage.run_id is not None:
        yield "serve_app.run_id", lineage.run_id
    if lineage.parent is not None:
        yield "serve_app.parent", lineage.parent
    if lineage.code is not None:
        yield "mlflow.source.git.commit", lineage.code.commit
    for what, period in (
        ("training", lineage.training_window),
        ("holdout", lineage.holdout_window),
    ):
        if period is not None:
            yield f"serve_app.{what}_window", str(period)


def _dataset(manifest: Manifest, rows: Dataset) -> Mapping[str, Any]:
    files = [one.path for one in rows.files]
    digest = rows.fingerprint or (rows.files[0].sha256 if rows.files else manifest.digest)
    body: dict[str, Any] = {
        "name": f"{manifest.name}-{rows.role}",
        "digest": digest[:_LONGEST_DIGEST],
        "source_type": "serve-app",
        "source": json.dumps({"files": files, "snapshot": rows.snapshot}),
    }
    if rows.rows is not None:
        body["profile"] = json.dumps({"num_rows": rows.rows})
    return {"dataset": body, "tags": [{"key": "mlflow.data.context", "value": rows.role}]}


def _named(name: str) -> str:
    """A name that MLflow takes: it refuses letters of other kinds, and what no path can be."""
    short = _NOT_A_NAME.sub("_", name)[:_LONGEST_NAME]
    is_path = posixpath.normpath(short) == short and not short.startswith(("/", ".."))
    return short if is_path and short != "." else short.replace("/", "_").replace(".", "_")
