"""`serve-app train route`: what it prints and writes passes `serve-app validate`."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

PIPELINE = """\
pipeline: churn
model: churn
data: {source: rows.csv, target: churned}
validation: {kind: stratified, folds: 2}
candidates: [linear]
search: {trials: 4, parallel: 2, seed: 3}
register: {best: 3}
"""


@pytest.fixture
def folder(serve_app, tmp_path, monkeypatch):
    """A folder with a run that registered three versions."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"age": rng.normal(50, 10, 160), "dose": rng.normal(2, 1, 160)})
    frame["churned"] = np.where(frame["age"] + rng.normal(0, 4, 160) > 50, "yes", "no")
    frame.to_csv("rows.csv", index=False)
    Path("churn.yaml").write_text(PIPELINE)
    trained = serve_app("train", "run", "churn.yaml", "--workers", 1)
    assert "registered: churn@1, churn@2, churn@3" in trained.out, trained.err
    return tmp_path


def test_versions_of_a_run_compete_at_an_endpoint_that_is_valid(serve_app, folder):
    printed = serve_app("train", "route", "churn-1")
    assert printed.code == 0, printed.err
    endpoint = yaml.safe_load(printed.out)["endpoints"]["churn"]
    assert [one["model"] for one in endpoint["route"]["variants"]] == [
        *("churn@1", "churn@2", "churn@3"),
    ]
    assert json.loads(serve_app("train", "route", "churn-1", "--json").out)["endpoints"] == {
        "churn": endpoint
    }
    for kind in ("bandit", "canary", "split"):
        file = f"configs/{kind}.yaml"
        written = serve_app("train", "route", "churn-1", "--kind", kind, "--out", file,
                            "--endpoint", "leaving")  # fmt: skip
        assert f"serve-app deploy {file}" in written.out, written.err
        checked = serve_app("validate", file)
        assert checked.code == 0, checked.out + checked.err
        config = yaml.safe_load(Path(file).read_text())
        (control,) = (one for one in config["applications"] if one["name"] == "control")
        (deployment,) = control["deployments"]
        assert deployment["user_config"]["endpoints"]["leaving"]["route"]["kind"] == kind
    again = serve_app("train", "route", "churn-1", "--out", "configs/split.yaml")
    assert (again.code, "is there already" in again.err) == (1, True)


def test_a_run_that_is_not_there_is_said_in_words(serve_app, folder):
    wrong = serve_app("train", "route", "churn-9")
    assert (wrong.code, wrong.out) == (1, "")
    assert "there is no run 'churn-9'" in wrong.err
