from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from serve_app.core.signature import DTYPES, Column, Output, Signature
from serve_app.registry.manifest import (
    Draft,
    FileEntry,
    Manifest,
    Metrics,
    Profiled,
    StoredSample,
    TrainingData,
    check_path,
    timestamp,
)

texts = st.text(max_size=8)
plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
json_values = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
scores = st.dictionaries(texts, st.floats(allow_nan=False), max_size=3)
columns = st.builds(
    Column,
    name=texts,
    dtype=st.sampled_from(DTYPES),
    nullable=st.booleans(),
    minimum=st.none() | st.floats(allow_nan=False) | st.integers(),
    maximum=st.none() | st.floats(allow_nan=False),
    categories=st.none() | st.lists(plain, max_size=3).map(tuple),
    frame_dtype=st.none() | texts,
)
signatures = st.builds(
    Signature,
    inputs=st.lists(columns, max_size=3).map(tuple),
    output=st.builds(
        Output,
        kind=st.sampled_from(["classification", "regression", "transform"]),
        labels=st.lists(texts | st.integers(), max_size=3).map(tuple),
        probabilities=st.booleans(),
        width=st.integers(1, 4),
        columns=st.lists(columns, max_size=2).map(tuple),
    ),
)
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
manifests = st.builds(
    Manifest,
    name=texts,
    flavour=texts,
    format=texts,
    signature=signatures,
    libraries=st.dictionaries(texts, texts, max_size=2),
    training=st.none()
    | st.builds(TrainingData, rows=st.integers(0), fingerprint=digests, source=st.none() | texts),
    metrics=st.none()
    | st.builds(Metrics, cross_validated=scores, held_out=scores, folds=st.none() | st.just(5)),
    git_commit=st.none() | texts,
    origin=st.none() | texts,
    parameters=st.dictionaries(texts, json_values, max_size=3),
    sample=st.none()
    | st.builds(
        StoredSample,
        inputs=st.dictionaries(texts, st.lists(plain, max_size=3), max_size=3),
        expected=st.fixed_dictionaries({"values": st.lists(plain, max_size=3)}),
    ),
    trusted_types=st.lists(texts, max_size=2).map(tuple),
    pickle=st.booleans(),
    version=st.integers(1),
    files=st.lists(
        st.builds(
            FileEntry,
            path=st.sampled_from(["model.skops", "a/b.ubj"]),
            sha256=digests,
            size_bytes=st.integers(0),
        ),
        max_size=2,
    ).map(tuple),
    created_at=texts,
    created_by=texts,
    profile=st.none() | st.builds(Profiled, rows=st.integers(0), features=st.integers(0)),
)


def a_manifest(**changed: Any) -> Manifest:
    body: dict[str, Any] = {
        "name": "diagnosis-xgb",
        "flavour": "xgboost",
        "format": "ubj",
        "signature": Signature((Column("age", "int64"),), Output("classification", ("no", "yes"))),
        "version": 1,
        "files": (FileEntry(path="model.ubj", sha256="0" * 64, size_bytes=3),),
        "created_at": "2026-11-21T01:00:00+00:00",
        "created_by": "ada",
    }
    return Manifest(**(body | changed))


def test_a_manifest_of_a_release_that_knew_no_profiles_is_read() -> None:
    body = json.loads(a_manifest().encode())
    assert body.pop("profile") is None
    assert Manifest.decode(json.dumps(body).encode()) == a_manifest()


@given(manifests)
def test_a_manifest_is_read_back_as_it_was_written_floats_exact(manifest: Manifest) -> None:
    again = Manifest.decode(manifest.encode())
    assert again == manifest
    assert again.encode() == manifest.encode()


def test_the_same_manifest_is_the_same_bytes_whatever_the_order_it_was_filled_in() -> None:
    one = a_manifest(parameters={"a": 1, "b": 2}, libraries={"xgboost": "3", "numpy": "2"})
    two = a_manifest(libraries={"numpy": "2", "xgboost": "3"}, parameters={"b": 2, "a": 1})
    assert one.encode() == two.encode()


def test_a_person_can_read_a_manifest() -> None:
    lines = a_manifest(parameters={"owner": "Łódź"}).encode().decode().splitlines()
    assert '  "name": "diagnosis-xgb",' in lines
    assert '    "owner": "Łódź"' in lines


def test_nan_in_parameters_sample_and_metrics_is_null_in_json() -> None:
    manifest = a_manifest(
        parameters={"missing": math.nan},
        sample=StoredSample(
            inputs={"age": [1.5, math.nan]}, expected={"columns": {"x": [math.nan]}}
        ),
        metrics=Metrics(held_out={"roc_auc": math.nan, "accuracy": 0.1}),
    )
    body = json.loads(manifest.encode(), parse_constant=pytest.fail)
    assert body["parameters"] == {"missing": None}
    assert body["sample"] == {
        "inputs": {"age": [1.5, None]},
        "expected": {"columns": {"x": [None]}},
    }
    assert body["metrics"]["held_out"] == {"roc_auc": None, "accuracy": 0.1}


def test_a_metric_that_could_not_be_computed_is_nan_again_when_read() -> None:
    written = a_manifest(metrics=Metrics(held_out={"roc_auc": math.nan}))
    metrics = Manifest.decode(written.encode()).metrics
    assert metrics is not None
    assert math.isnan(metrics.held_out["roc_auc"])


def test_tuples_and_the_numbers_of_numpy_become_json() -> None:
    manifest = a_manifest(parameters={"layers": (100, np.int64(50)), "rate": np.float32(0.5)})
    assert manifest.parameters == {"layers": [100, 50], "rate": 0.5}
    assert type(manifest.parameters["layers"][1]) is int


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [({"scorer": print}, "builtin_function_or_method"), ({"weights": {1: 2}}, "needs text")],
)
def test_a_parameter_that_json_cannot_hold_is_refused_before_anything_is_written(
    parameters: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ValidationError, match=problem):
        a_manifest(parameters=parameters)


@pytest.mark.parametrize(
    "signature",
    [
        3,
        {},
        {"inputs": [3], "output": {"kind": "regression"}},
        {"inputs": [{"name": "a", "dtype": "zip"}], "output": {"kind": "regression"}},
        {
            "inputs": [{"name": "a", "dtype": "bool", "nullable": []}],
            "output": {"kind": "regression"},
        },
        {"inputs": [], "output": {"kind": "guessing"}},
    ],
)
def test_what_is_not_a_signature_is_refused_by_name(signature: Any) -> None:
    body = json.loads(a_manifest().encode()) | {"signature": signature}
    with pytest.raises(ValidationError) as refused:
        Manifest.decode(json.dumps(body).encode())
    assert {error["loc"][0] for error in refused.value.errors()} == {"signature"}


@pytest.mark.parametrize(
    "changed",
    [
        {"colour": "red"},
        {"version": 0},
        {"schema_version": 2},
        {"files": [{"path": "../model.ubj", "sha256": "0" * 64, "size_bytes": 3}]},
        {"files": [{"path": "model.ubj", "sha256": "short", "size_bytes": 3}]},
        {"files": [{"path": "model.ubj", "sha256": "0" * 64, "size_bytes": -1}]},
        {"sample": {"inputs": {}, "expected": {"outputs": []}}},
    ],
)
def test_a_manifest_with_an_unknown_key_or_a_wrong_value_is_refused(
    changed: dict[str, Any],
) -> None:
    body = json.loads(a_manifest().encode()) | changed
    with pytest.raises(ValidationError):
        Manifest.decode(json.dumps(body).encode())


@pytest.mark.parametrize(
    "path",
    ["", "/etc/passwd", "../x", "a/../x", "a//b", "a/", "./a", ".claim", "a/.b", "a\\b", "a\0b",
     "manifest.json"],
)  # fmt: skip
def test_a_path_outside_of_the_versions_folder_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="cannot be a file of a version"):
        check_path(path)


@pytest.mark.parametrize("path", ["model.skops", "a/b/c.bin", "a..b", "sub/manifest.json"])
def test_a_path_inside_of_the_versions_folder_passes(path: str) -> None:
    assert check_path(path) == path


def test_manifests_do_not_change() -> None:
    manifest = a_manifest()
    with pytest.raises(ValidationError, match="frozen"):
        manifest.version = 2


def test_a_draft_needs_nothing_that_registering_decides() -> None:
    assert Manifest.model_fields.keys() - Draft.model_fields.keys() == {
        "version", "files", "created_at", "created_by", "schema_version",
    }  # fmt: skip


def test_times_are_written_in_utc() -> None:
    moment = datetime(2026, 11, 21, 3, 30, tzinfo=timezone(timedelta(hours=2)))
    assert timestamp(moment) == timestamp(moment.astimezone(UTC)) == "2026-11-21T01:30:00+00:00"
