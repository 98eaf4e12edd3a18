"""`serve-app serve` says what it did, and mistakes get one line before anything is done."""

import json
import shlex

import pytest
import skops.io
from sklearn.linear_model import LinearRegression

from serve_app import quickstart
from serve_app.examples.datasets import diabetes
from serve_app.registry.store import Registry
from tests.unit.serving.fake_serve import serving
from tests.unit.test_quickstart import FakeCluster


@pytest.fixture
def fake(home, monkeypatch):
    with serving(home) as made:
        monkeypatch.setattr(quickstart, "Cluster", FakeCluster(made, runs=False))
        yield made


@pytest.fixture
def line(tmp_path):
    """A model in a file, its data beside it, and options that register it elsewhere."""
    data = diabetes()
    fitted = LinearRegression().fit(data.frame, data.target)
    skops.io.dump(fitted, tmp_path / "model.skops")
    data.frame.assign(y=data.target).to_csv(tmp_path / "train.csv", index=False)
    return [
        tmp_path / "model.skops", "--data", tmp_path / "train.csv", "--target", "y",
        "--registry", tmp_path / "registry",
    ]  # fmt: skip


def test_a_file_is_registered_served_and_asked(serve_app, fake, line, tmp_path):
    said = serve_app("serve", "line", *line, "--alias", "champion")
    assert said.code == 0, said.err
    assert "registered line@1 (regression)" in said.out
    assert "line is answered by line@1" in said.out
    (curl,) = [one for one in said.out.splitlines() if one.startswith("curl ")]
    assert json.loads(shlex.split(curl)[-1]) == fake.example
    assert '{"predictions": [7]}' in said.out.splitlines()
    assert Registry(str(tmp_path / "registry")).alias("line", "champion") == 1


def test_json_is_one_document(serve_app, fake, line):
    said = serve_app("serve", "line", *line, "--json", "--no-compile", "--no-evaluate")
    body = json.loads(said.out)
    assert body["version"] == "line@1"
    assert body["answer"] == {"predictions": [7]}
    assert body["curl"].startswith(f"curl -s {body['url']} ")


@pytest.mark.parametrize("reference", ["progression-xgb", "progression-xgb@1"])
def test_what_is_registered_needs_no_file(serve_app, fake, reference):
    said = serve_app("serve", reference)
    assert said.code == 0, said.err
    assert "progression-xgb is answered by progression-xgb@1" in said.out
    assert "registered" not in said.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["churn", "--target", "y"], "--target is about a model that is registered now; name its"),
        (["churn", "--no-evaluate"], "serve-app serve churn PATH --evaluate …"),
        (["churn@2", "registry"], "a new version gets its number by itself"),
        (["churn", "missing.skops"], "'missing.skops' does not exist"),
        (["churn"], "no model 'churn'"),
        (["progression-xgb@7"], "no version 7"),
        (["Churn", "registry"], "cannot name a model"),
        (["diagnosis-features"], "is a transformer"),
    ],
)
def test_a_mistake_is_said_and_nothing_runs(serve_app, fake, arguments, said):
    done = serve_app("serve", *arguments)
    assert done.code != 0
    assert said in " ".join(done.err.split())
    assert fake.puts == []
