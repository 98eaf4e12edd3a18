"""What a version was made of, as its manifest has it."""

from __future__ import annotations

import datetime as dt
import json
import math
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from serve_app.errors import ArtifactRejected
from serve_app.registry.lineage import (
    ColumnLoss,
    DataFile,
    Dataset,
    Environment,
    Importance,
    Lineage,
    Period,
    SourceCode,
)
from serve_app.registry.manifest import Manifest
from serve_app.registry.store import Registry
from serve_app.security.signer import Signer
from serve_app.security.signing import key_id, key_pair, private_key, public_key
from serve_app.security.trusted_keys import TrustedKeys
from tests.contract.registries import NOON, draft
from tests.unit.registry.test_manifest import a_manifest

DIGEST = "ab" * 32
WHOLE = Lineage(
    run_id="r-7",
    trigger_id="t-3",
    parent="diagnosis-xgb@2",
    training_window=Period(start="2026-05-01", end="2026-11-01"),
    holdout_window=Period(start="2026-11-01T00:00:00Z", end="2026-12-01T00:00:00+00:00"),
    data=(
        Dataset(
            files=(DataFile(path="churn/0.parquet", sha256=DIGEST, size_bytes=7),),
            fingerprint=DIGEST,
            rows=5,
            time_range=Period(start="2026-05-02", end="2026-10-31"),
            label_cutoff="2026-10-01",
            snapshot="delta:7",
        ),
        Dataset(role="holdout", rows=2),
    ),
    code=SourceCode(commit="c0ffee", diff_sha256=DIGEST),
    environment=Environment(
        process="training",
        python="3.11.9",
        platform="linux-x86_64",
        libraries={"numpy": "2.3.1"},
        cpu_features=("avx2", "fma"),
        threads=2,
    ),
    seeds={"split": 1, "search": 20},
    metrics={"roc_auc": 0.1 + 0.2, "gini": math.inf},
    digests={"spec": DIGEST},
    duration_s=1.5,
    peak_memory_bytes=1 << 40,
)


def test_a_lineage_is_read_back_as_it_was_written() -> None:
    manifest = a_manifest(lineage=WHOLE)
    again = Manifest.decode(manifest.encode())
    assert again.lineage == WHOLE
    assert again.encode() == manifest.encode()
    training, holdout = WHOLE.dataset("training"), WHOLE.dataset("holdout")
    assert training is not None
    assert holdout is not None
    assert (training.rows, holdout.rows) == (5, 2)
    assert WHOLE.dataset("validation") is None


def test_a_version_without_one_has_the_bytes_and_the_digest_that_it_had_before() -> None:
    body = json.loads(a_manifest().encode())
    assert "lineage" not in body
    assert Manifest.decode(json.dumps(body).encode()).digest == a_manifest().digest


def test_one_without_importances_has_the_digest_that_it_had_before_there_were_any() -> None:
    manifest = a_manifest(lineage=WHOLE)
    assert manifest.digest == "726adb4ca50c65c7f6c0943e8b19d0a09e7fa39136336631d0420d558b3fbb4d"
    loss = ColumnLoss(column="age", mean=0.2, deviation=0.01)
    importance = Importance(metric="roc_auc", rows=48, repeats=5, columns=(loss,))
    known = a_manifest(lineage=WHOLE.model_copy(update={"importance": importance}))
    again = Manifest.decode(known.encode())
    assert again.lineage is not None
    assert again.lineage.importance == importance
    assert known.digest != manifest.digest


def test_a_metric_that_could_not_be_computed_is_nan_again() -> None:
    again = Manifest.decode(a_manifest(lineage=Lineage(metrics={"auc": math.nan})).encode())
    assert again.lineage is not None
    assert math.isnan(again.lineage.metrics["auc"])


def test_signatures_and_digests_cover_it(tmp_path: Path) -> None:
    private, public = key_pair()
    signer = Signer(private_key(private), "Ada", lambda: NOON)
    Registry(str(tmp_path), signer=signer).register(draft(lineage=WHOLE), {})
    key = public_key(public)
    reader = Registry(str(tmp_path), trust=TrustedKeys({key_id(key): key}))
    assert reader.manifest("diagnosis-xgb", 1).lineage == WHOLE
    other = WHOLE.model_copy(update={"run_id": "r-8"})
    assert a_manifest(lineage=WHOLE).digest != a_manifest(lineage=other).digest
    file = tmp_path / "diagnosis-xgb" / "1" / "manifest.json"
    file.write_bytes(file.read_bytes().replace(b'"r-7"', b'"r-8"'))
    with pytest.raises(ArtifactRejected):
        reader.manifest("diagnosis-xgb", 1)


def test_times_of_python_and_yaml_are_taken_as_they_are() -> None:
    period = Period.model_validate(
        {"start": dt.date(2026, 5, 1), "end": dt.datetime.fromisoformat("2026-11-01T12:00")}
    )
    assert str(period) == "2026-05-01 to 2026-11-01T12:00:00"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"training_window": {"start": "May", "end": "2026-11-01"}}, "'May' is no time"),
        ({"training_window": {"start": "2026-11-02", "end": "2026-11-01"}}, "before it starts"),
        (
            {"training_window": {"start": "2026-11-01", "end": "2026-11-02T00:00:00Z"}},
            "give both a zone, or neither",
        ),
        ({"parent": "churn@champion"}, "names no version"),
        ({"parent": "../churn@3"}, "names no version"),
        ({"data": [{"rows": -1}]}, "greater than or equal to 0"),
        ({"data": [{"fingerprint": "short"}]}, "match pattern"),
        ({"data": [{"role": "test"}]}, "'training', 'validation' or 'holdout'"),
        ({"colour": "red"}, "not permitted"),
        ({"schema_version": 2}, "Input should be 1"),
        ({"seeds": {"split": 0.5}}, "integer"),
    ],
)
def test_what_cannot_be_is_refused_in_words(body: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Lineage.model_validate(body)
