"""What is packed follows the snapshot; a damaged profile keeps nothing from being recorded."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from serve_app.config import ControlSettings
from serve_app.control.declare import declare
from serve_app.core.columns import Columns
from serve_app.core.messages import Answer, Payload, Prediction, Request
from serve_app.core.record import Record
from serve_app.core.record_settings import RecordSettings
from serve_app.core.snapshot import Snapshot
from serve_app.engine.registration.register import Candidate, register
from serve_app.monitoring.profile.build import profile_of_rows
from serve_app.registry.store import Registry
from serve_app.serving import record_packing
from serve_app.serving.record_packing import RecordPacking, profiles_of
from serve_app.storage.baselines import BaselineStore
from serve_app.storage.records.counts import counts_of
from serve_app.storage.records.deliveries import decode


@pytest.fixture
def store(tmp_path):
    store = Registry(str(tmp_path))
    frame = pd.DataFrame({"age": np.arange(300.0)})
    for _ in range(2):
        fitted = LinearRegression().fit(frame, frame["age"])
        register(store, Candidate("line", fitted, frame), compile="never")
    return store


@pytest.fixture
def baselines(tmp_path):
    return BaselineStore(str(tmp_path / "state"))


@pytest.fixture
def packed(store, baselines):
    """Makes a packing; by default at the time 0."""

    def made(*offsets_s, clock=lambda: 0.0):
        offset_s = itertools.cycle(offsets_s or [0.0])
        profiles = profiles_of(store, baselines)
        return RecordPacking(profiles, wall_minus_clock_s=lambda: next(offset_s), clock=clock)

    return made


def snapshot(store, version, **monitoring):
    settings = {"route": {"kind": "single", "model": version}, "monitoring": monitoring}
    declared = ControlSettings.model_validate({"endpoints": {"e": settings}})
    return Snapshot(1, "hash", declare(declared, store.manifest).checked())


def record(version, at_s=60.0):
    columns = Columns.of({"age": np.array([5.0])})
    payload = Payload({"age": [5.0]}, 1, {"order": 7})
    answer = Answer(Prediction(np.array([5.0])), (version,))
    request = Request("e", payload, "r")
    return Record(request, "e", 1, at_s, 0.1, "p", columns=columns, answer=answer)


def counted(packing):
    part = packing.counts()
    keys = [key for table in (decode(part) if part else []) for key in counts_of(table)]
    return [key.series.variant for key in keys]


def test_counts_and_records_follow_the_snapshot(store, packed):
    packing = packed(1000.0)
    packing.follow(snapshot(store, "line@1", key="order", redact=["age"]))
    (table,) = decode(packing.pack([record("line@1")]))
    assert table["key"].to_pylist() == ["7"]
    assert table["at_s"].to_pylist() == [1060.0]
    assert "feature_age" not in table.column_names
    assert counted(packing) == ["line@1"]
    assert counted(packing) == []
    packing.follow(snapshot(store, "line@2"))
    (table,) = decode(packing.pack([record("line@2"), record("line@1")]))
    assert table["key"].to_pylist() == [None, None]
    assert table["feature_age"].to_pylist() == [5.0, 5.0]
    assert counted(packing) == ["line@2"]


def test_profiles_are_read_anew_only_where_more_than_weights_changed(store, baselines):
    versions = []

    def profiles(version):
        versions.append(version)
        return profiles_of(store, baselines)(version)

    packing = RecordPacking(profiles, wall_minus_clock_s=lambda: 0.0, clock=lambda: 0.0)
    first = snapshot(store, "line@1")
    packing.follow(first)
    packing.follow(replace(first, version=2))
    assert versions == ["line@1"]
    packing.follow(snapshot(store, "line@1", sample=0.5))
    assert versions == ["line@1", "line@1"]


def test_a_version_whose_profile_is_damaged_is_recorded_and_not_counted(
    store, packed, tmp_path, caplog
):
    (profile,) = tmp_path.glob("**/line/1/profile.json")
    profile.chmod(0o644)
    profile.write_text("{}")
    packing = packed()
    packing.follow(snapshot(store, "line@1"))
    (table,) = decode(packing.pack([record("line@1")]))
    assert table.num_rows == 1
    assert counted(packing) == []
    assert "no profile" in caplog.text


def test_settings_of_an_endpoint_that_is_gone_are_the_defaults(packed):
    packing = packed()
    (table,) = decode(packing.pack([record("line@1")]))
    assert table["feature_age"].to_pylist() == [5.0]
    assert RecordSettings().key is None


def test_a_version_without_a_profile_is_counted_once_it_has_a_baseline(
    store, baselines, packed, monkeypatch
):
    monkeypatch.setattr(record_packing, "profile_of", lambda *_: None)
    now = [0.0]
    packing = packed(clock=lambda: now[0])
    packing.follow(snapshot(store, "line@1"))
    packing.pack([record("line@1")])
    assert counted(packing) == []
    columns = Columns.of({"age": np.arange(200.0)})
    baselines.save("line@1", profile_of_rows(columns, Prediction(np.arange(200.0))))
    packing.pack([record("line@1")])
    assert counted(packing) == []
    now[0] += record_packing.LOOK_S + 1
    packing.pack([record("line@1")])
    assert counted(packing) == ["line@1"]


def test_records_have_the_time_of_the_machine_after_it_was_corrected(packed):
    packing = packed(1000.0, 5000.0)
    (before,) = decode(packing.pack([record("line@1")]))
    (after,) = decode(packing.pack([record("line@1")]))
    assert after["at_s"][0].as_py() - before["at_s"][0].as_py() == 4000.0
