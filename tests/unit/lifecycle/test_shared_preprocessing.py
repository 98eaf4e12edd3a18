"""Versions of a run that prepare rows alike answer the same behind one preprocessing."""

import numpy as np
import pytest

from serve_app.config.endpoints import EndpointSettings
from serve_app.errors import Conflict
from serve_app.lifecycle.live_route import endpoint_behind
from serve_app.lifecycle.shared_preprocessing import shared
from serve_app.lifecycle.training import work_of
from tests.unit.lifecycle.runs import rows, settings, trained, training


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = rows()
    frame["town"] = np.where(np.arange(len(frame)) % 3 == 0, "Bern", "Zug")
    frame.to_csv("rows.csv", index=False)
    return tmp_path


def made_of(home, **more):
    made = training(home)
    small = {"search": {"trials": 3, "parallel": 1, "seed": 3}, "importance": {"repeats": 0}}
    run = trained(made, settings(register={"best": 3}, **{**small, **more}))
    return run, made.means.registry, lambda: shared(
        run, work_of(run, home / "runs"), made.means.registry
    )  # fmt: skip


def test_versions_of_one_candidate_share_it_and_it_is_registered_once(home):
    run, registry, share = made_of(home)
    one = share()
    assert one.preprocess == "churn-preprocessing@1"
    assert one.variants == ("churn-behind@1", "churn-behind@2", "churn-behind@3")
    assert one.left_out == ()
    assert share() == one
    endpoint = endpoint_behind(run, "bandit", one)
    assert [v["model"] for v in endpoint["route"]["variants"]] == list(one.variants)
    assert endpoint["preprocess"]["model"] == one.preprocess
    EndpointSettings.model_validate(endpoint)
    canary = endpoint_behind(run, "canary", one)["route"]
    assert (canary["candidate"], canary["stable"]) == one.variants[:2]
    transformed = registry.manifest("churn-preprocessing", 1).signature.output
    assert transformed.kind == "transform"
    wanted = registry.manifest("churn-behind", 1).signature.names
    assert set(wanted) <= {column.name for column in transformed.columns}


def test_a_candidate_that_prepares_rows_otherwise_is_left_out(home):
    _, registry, share = made_of(
        home, candidates=["linear", "forest"], search={"trials": 2, "parallel": 2, "seed": 3}
    )
    with pytest.raises(Conflict, match="no two of the 2 versions"):
        share()
    assert registry.models() == ["churn"]


def test_without_any_preprocessing_there_is_nothing_to_share(home):
    rows().to_csv("rows.csv", index=False)
    _, _, share = made_of(home, candidates=["boosting"], search={"trials": 2, "parallel": 2})
    with pytest.raises(Conflict, match="has no preprocessing that can be taken off"):
        share()
