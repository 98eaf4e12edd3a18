"""`serve-app monitor baseline`: for versions that came without data alone."""

import json

import numpy as np
import pytest

from serve_app.core.record_settings import RecordSettings
from serve_app.registry.store import Registry
from serve_app.storage.baselines import BaselineStore
from serve_app.storage.records.deliveries import Incoming, encode
from serve_app.storage.records.files import Files
from serve_app.storage.records.rows import tables_of
from tests.unit.storage.records.conftest import NOON_S, record

LINE = ("monitor", "baseline", "progression-xgb@1", "--endpoint", "diagnosis")


@pytest.fixture
def log(home):
    records = [
        record(n, NOON_S + n, variant="progression-xgb@1", label=np.float64(n)) for n in range(150)
    ]
    settings = {"diagnosis": RecordSettings()}
    tables = tables_of(records, wall_minus_clock_s=0.0, settings=settings)
    Incoming(Files("./state/records")).take("g", 1, encode(tables))


def test_a_version_that_has_a_profile_keeps_it(serve_app, log):
    said = serve_app(*LINE)
    assert (said.code, said.out) == (1, "")
    assert "has a profile of the data that it was registered with" in said.err


def test_recorded_rows_become_the_baseline(serve_app, log, monkeypatch):
    manifest = Registry.manifest

    def without_profile(self, *version):
        return manifest(self, *version).model_copy(update={"profile": None})

    monkeypatch.setattr(Registry, "manifest", without_profile)
    said = json.loads(serve_app(*LINE, "--json").out)
    assert (said["version"], said["rows"]) == ("progression-xgb@1", 150)
    assert BaselineStore("./state").load("progression-xgb@1").digest == said["digest"]
    few = serve_app(*LINE, "--rows", "120")
    assert "judged by 120 recorded rows of diagnosis from now on" in few.out
    assert "a baseline needs 100" in serve_app(*LINE, "--until", "2000-01-01").err
